"""Whether the service lives and whether it is ready; and, for its operator, how it does."""

from gatehouse.feature import Feature
from gatehouse.health.routes import blueprint, operator

__all__ = ["feature"]

feature = Feature(name="health", blueprints=(blueprint, operator))

"""Whether the service lives and whether it is ready; the only things that a stranger learns."""

from gatehouse.feature import Feature
from gatehouse.health.routes import blueprint

__all__ = ["feature"]

feature = Feature(name="health", blueprints=(blueprint,))

"""What people see in a browser: the links of mails, the errors explained, and Swagger UI."""

from gatehouse.feature import Feature
from gatehouse.pages.routes import blueprint

__all__ = ["feature"]

feature = Feature(name="pages", blueprints=(blueprint,))

"""The blueprint on which all doors of the feature stand."""

from gatehouse.web.blueprint import Blueprint

blp = Blueprint("users", url_prefix="/api/v1", description="People and their accounts.")

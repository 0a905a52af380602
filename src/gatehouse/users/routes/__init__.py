"""The doors to accounts."""

from gatehouse.users.routes import administration, collection, me, people, privacy
from gatehouse.users.routes.blueprint import blp

__all__ = ["administration", "blp", "collection", "me", "people", "privacy"]

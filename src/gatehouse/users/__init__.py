"""People: sign-up, their own profile, and their administration."""

from gatehouse.users.rendering import PUBLIC_COLUMNS, render

__all__ = ["PUBLIC_COLUMNS", "render"]

"""How a decorator hands input to a view, and what it notes for the API description."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


def passing(
    read: Callable[[], Any], told: dict[str, Any], content_type: str | None
) -> Callable[[View], View]:
    """Return a decorator that gives the view one more positional argument."""
    if content_type is not None:
        told["content_type"] = content_type

    def decorator(view: View) -> View:
        @wraps(view)
        def reading(*args: Any, **kwargs: Any) -> Any:
            return view(*args, read(), **kwargs)

        notes_of(reading).setdefault("arguments", {"parameters": []})["parameters"].append(told)
        return reading  # type: ignore[return-value]

    return decorator


def notes_of(view: Any) -> dict[str, Any]:
    """Return flask-smorest's notes about a view: those of the wrapped one, copied."""
    before = getattr(view, "_apidoc", {})
    notes = {name: dict(note) if isinstance(note, dict) else note for name, note in before.items()}
    if "arguments" in notes:
        notes["arguments"]["parameters"] = list(notes["arguments"]["parameters"])
    view._apidoc = notes
    return notes

"""What pytest tells about a test, in a form that can be sent."""

from typing import Any


def sendable(data: Any) -> Any:
    """Return plain data with every lone surrogate escaped, which no UTF-8 can carry."""
    if isinstance(data, str):
        return data if data.isascii() else data.encode("utf-8", "backslashreplace").decode()
    if isinstance(data, dict):
        return {sendable(name): sendable(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(sendable(item) for item in data)
    return data

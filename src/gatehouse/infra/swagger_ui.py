"""Swagger UI's own files, carried by the package flask-swagger-ui; nothing else of it is used."""

from importlib.resources import files

FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")


def read(name: str) -> bytes:
    """Return one of FILES."""
    return (files("flask_swagger_ui") / "dist" / name).read_bytes()

"""How gunicorn serves here: refusals as problem documents, and a stop that loses nothing."""

from gatehouse.infra.server.main_process import (
    die_before_the_main_process,
    stop_gracefully,
    tells_something,
)
from gatehouse.infra.server.worker import Worker

__all__ = ["Worker", "die_before_the_main_process", "stop_gracefully", "tells_something"]

"""Logs: every event is one line, in JSON or for people, and never the end of a request.

Everything goes to the standard error of the process, so that a command's output stays clean.
Pass fields, never sentences with data in them: `logger.info("mail_kept", id=…, path=…)`.
A line may hold request ids, user ids and addresses; passwords, tokens and the like are taken out
by the name of their member and by their look.
"""

import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import structlog
from flask import Flask, Response, g, request

from gatehouse.infra.logs import lines
from gatehouse.settings import Settings

STANDARD_ERROR = 2

# Loggers of libraries that bring handlers of their own, which would write a second format.
_REROUTED = ("gunicorn.error", "gunicorn.access", "werkzeug", "flask.app")

_request: ContextVar[tuple[str, float] | None] = ContextVar("request", default=None)


class Sink:
    """The end of the line: a file descriptor that may be full or closed without harm."""

    def __init__(self) -> None:
        self.descriptor = STANDARD_ERROR
        self.lost = 0
        self._is_torn = False

    def write(self, line: str) -> None:
        """Write one line in one call; what cannot be written is counted and forgotten."""
        data = (line + "\n").encode("utf-8", "backslashreplace")
        if self._is_torn:  # a full disk took half of the line before
            data = b"\n" + data
        try:
            self._is_torn = os.write(self.descriptor, data) < len(data)
        except OSError:
            self.lost += 1

    msg = log = debug = info = warning = error = critical = exception = fatal = write


class Processor:
    """The one step from an event to its line."""

    def __init__(self, render: lines.Renderer, *, level: int = logging.INFO) -> None:
        self._render = render
        self._level = level

    def __call__(self, _logger: Any, method: str, members: MutableMapping[str, Any]) -> str:
        """Return the line of an event that was logged by `method`; drops it below LOG_LEVEL."""
        name = "error" if method == "exception" else method
        if _LEVELS.get(name, logging.CRITICAL) < self._level:
            raise structlog.DropEvent
        event: dict[str, Any] = {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": name,
            "event": lines.cleaned(members.pop("event", "")),
        }
        bound = _request.get()
        if bound is not None:
            event["request_id"] = bound[0]
        trace = _trace_of(members.pop("exc_info", None))
        for member, value in members.items():
            is_secret = lines.is_secret_name(member)
            event[member] = lines.REDACTED if is_secret else lines.cleaned(value)
        if trace is not None:
            event["exception"] = trace
        return self._render(event)


class _Bridge(logging.Handler):
    """Carries what libraries log by the standard module to the same sink."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as an event whose name is its message."""
        try:
            members = {"event": record.getMessage(), "logger": record.name}
            if record.exc_info:
                members["exc_info"] = record.exc_info  # type: ignore[assignment]
            with suppress(structlog.DropEvent):
                sink.write(_process(None, record.levelname.lower(), members))
        except Exception:  # the rule of logging.Handler: a bad record is no reason to fall
            self.handleError(record)


_LEVELS = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}

sink = Sink()
_process = Processor(lines.as_text)
# One list for ever: loggers that were used before keep it, so its content is exchanged.
_processors: list[Callable[..., Any]] = [_process]


def configure(
    settings: Settings, *, descriptor: int = STANDARD_ERROR, quiet: Iterable[str] = ()
) -> None:
    """Send all logs of the process to `descriptor`, in the form that the settings want.

    Of the loggers in `quiet` only warnings are told. May be called again, also for loggers that
    were used before.
    """
    global _process
    sink.descriptor = descriptor
    level = logging.getLevelNamesMapping()[settings.log_level]
    _process = Processor(_renderer(settings.log_format, descriptor), level=level)
    _processors[:] = [_process]
    structlog.configure(
        processors=_processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=lambda *_: sink,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [h for h in root.handlers if type(h) not in (_Bridge, logging.StreamHandler)]
    root.addHandler(_Bridge())
    root.setLevel(level)
    logging.raiseExceptions = False
    for name in _REROUTED:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    for name in quiet:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def bind_request(request_id: str) -> None:
    """Name the request that this thread serves from now on, in every line."""
    _request.set((request_id, perf_counter()))


def unbind_request() -> None:
    """Forget the request: the thread goes on with something else."""
    _request.set(None)


def install_request_log(app: Flask, settings: Settings) -> None:
    """Log `request_finished` for every answer; LOG_LEVEL=WARNING switches it off.

    Call it before other `after_request` functions are registered: the first one runs last.
    """
    if settings.log_level in {"DEBUG", "INFO"}:
        app.after_request(_finished)


def note_answer(method: str, route: str | None, status: int, **more: Any) -> None:
    """Log the line that every answer has; name the request here if its thread does not serve it."""
    logger.info("request_finished", method=method, route=route, status=status, **more)


def _finished(response: Response) -> Response:
    bound = _request.get()
    principal = g.get("principal")
    rule = request.url_rule
    note_answer(
        request.method,
        # The rule and never the path: a path may hold what a stranger chose.
        None if rule is None else rule.rule,
        response.status_code,
        ms=None if bound is None else round((perf_counter() - bound[1]) * 1000, 1),
        user_id=None if principal is None else str(principal.user_id),
    )
    unbind_request()
    return response


def _renderer(form: str, descriptor: int) -> lines.Renderer:
    if form == "json":
        return lines.as_json
    return lines.as_coloured_text if os.isatty(descriptor) else lines.as_text


def _trace_of(exc_info: Any) -> str | None:
    """Return the trace of an exception, cut from its beginning: the end says what happened."""
    if not exc_info:
        return None
    if isinstance(exc_info, BaseException):
        exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
    elif not isinstance(exc_info, tuple):
        exc_info = sys.exc_info()
    if exc_info[1] is None:
        return None
    return "".join(traceback.format_exception(*exc_info))[-lines.LONGEST_TRACE :]


logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()

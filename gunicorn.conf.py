"""How gunicorn serves the application: taken from the settings, nothing is configured twice."""

import gc
import signal
import sys
from importlib import import_module
from pathlib import Path

# Nothing that is imported becomes rubbish; looking for it took a seventh of the start.
gc.disable()

sys.path.insert(0, str(Path(__file__).resolve().with_name("src")))

# Ctrl-C while everything is imported ends it without a stack trace; the arbiter has its own way.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from gunicorn.arbiter import Arbiter

from gatehouse.infra import jobs, metrics, server, sockets
from gatehouse.infra.logs import logger
from gatehouse.settings import Settings, SettingsError

gc.enable()

_metrics = None
try:
    _settings = Settings.load()
    if _settings.metrics_token is not None:
        # Only here, because it loads a library that others do without.
        _metrics = import_module("gatehouse.infra.metrics.files")
        _metrics.share(_settings)
except SettingsError as error:
    # A line for each bad variable says more than a stack trace.
    sys.exit("\n".join(error.problems))

wsgi_app = "gatehouse.serving:app()"
bind = (
    f"[{_settings.host}]:{_settings.port}"
    if ":" in _settings.host
    else (f"{_settings.host}:{_settings.port}")
)
worker_class = server.Worker
workers = _settings.workers
threads = _settings.threads
# The application is loaded once and shared by the forks. It opens no connection and starts no
# thread before that: those begin in `post_worker_init`.
preload_app = True
# Each worker has a queue of the kernel for itself; with one for all, kept-alive connections
# gather at one worker.
reuse_port = True
worker_connections = max(1000, threads * 4)
# Longer than a proxy keeps an idle connection (nginx: 60 s), so that the proxy closes first and
# never sends a request into a connection that is just going.
keepalive = 75
timeout = 60
graceful_timeout = 30

# What a request may weigh before the application sees it; bodies are limited there.
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

# Proxies are judged by the application (TRUSTED_PROXIES): here nobody is believed.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
proxy_protocol = "off"

# Every request is one line of our own log. The control socket would lie in the home directory.
accesslog = None
errorlog = "-"
loglevel = _settings.log_level.lower()
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


def on_starting(arbiter: Arbiter) -> None:
    """Spare the log two lines that tell nothing where each worker has a socket of its own."""
    arbiter.log.error_log.addFilter(server.tells_something)


def when_ready(arbiter: Arbiter) -> None:
    """Prepare the stop, and keep the collector from copying what the forks share."""
    server.stop_gracefully(arbiter, _settings)
    logger.info("serving", address=bind, workers=workers, threads=threads)
    gc.collect()
    gc.freeze()


def post_worker_init(worker: server.Worker) -> None:
    """Start what must not cross a fork: the thread that does later work, or tells of it."""
    # With Python's turns of 5 ms a thread that asks the system for little things, as the one that
    # takes connections, waits as long after each of them; and among a hundred that a burst has
    # woken up, the one that holds SQLite's write lock would wait for half a second to go on.
    sys.setswitchinterval(0.0005)
    server.die_before_the_main_process()
    jobs.start_thread(worker.wsgi)
    if _metrics:
        _metrics.watch(worker, metrics.of(worker.wsgi).sample)


def worker_exit(_arbiter: Arbiter, worker: server.Worker) -> None:
    """Send WebSockets elsewhere, and let the job at hand finish: nobody waits for its lease."""
    sockets.stop(worker.wsgi)
    jobs.stop_thread(worker.wsgi)


if _metrics:
    # What the processes count lies in files, so that a scrape of any of them tells of all.
    pre_fork = _metrics.before_fork
    post_fork = _metrics.in_worker
    child_exit = _metrics.after_worker
    on_exit = _metrics.remove

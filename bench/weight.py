"""What a service weighs, how fast it is there, and what it does alone on SQLite."""

from functools import partial

from bench import checks, gatehouse, load
from bench.load import Result
from bench.processes import Running, serving
from bench.run import Run, say
from bench.workloads import COMPARED


def memory(run: Run) -> None:
    """Memory of a worker that has worked: resident (RSS), and its fair share of it (PSS)."""
    for running in run.start(*COMPARED):
        api, name = running.service.api, running.service.name
        load.closed_loop(running, api.me, running.service.people, seconds=1)
        path = api.page.format(skip=0)
        load.closed_loop(running, path, running.service.readers, seconds=1)
        resident, share = running.memory()
        run.measures += [
            {"workload": "rss", "service": name, "round": 0, "value": resident},
            {"workload": "pss", "service": name, "round": 0, "value": share},
        ]
        say(f"  memory {name:<20} RSS {resident:.1f} MiB  PSS {share:.1f} MiB")


def start(run: Run) -> None:
    """Seconds from the start of a prepared service with two workers to its first answer."""

    def started(name: str) -> float:
        with serving(run.services[name], logs=run.home) as running:
            return running.start_seconds

    run.interleaved("start", {name: partial(started, name) for name in COMPARED})


def embedded(run: Run) -> None:
    """W1 and W2 of Gatehouse on SQLite with one worker, beside FastAPI with two on PostgreSQL."""
    alone = gatehouse.embedded(run.home / "embedded")
    gatehouse.prepare(alone, people=run.plan.people)
    run.services[alone.name] = alone
    for workload, is_list in (("w1_embedded", False), ("w2_embedded", True)):
        contestants = {}
        for running in run.start("embedded", "fastapi"):
            path = running.service.api.page.format(skip=0) if is_list else running.service.api.me
            size = checks.page(running, path) if is_list else 0
            people = running.service.readers if is_list else running.service.people
            ask = partial(load.closed_loop, running, path, people, size=size)
            ask(seconds=2)
            contestants[running.service.name] = partial(_clean, ask, run.plan.seconds, running)
        run.interleaved(workload, contestants)


def _clean(ask: partial[Result], seconds: float, running: Running) -> Result:
    return checks.clean(ask(seconds=seconds), running)

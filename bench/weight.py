"""What a service weighs, how fast it is there, and what it does alone on SQLite."""

from functools import partial

from bench import checks, gatehouse, load
from bench.load import Result
from bench.processes import Running, serving
from bench.run import Run, say
from bench.workloads import COMPARED, login


def weight(run: Run) -> None:
    """Seconds from the start of two workers to the first answer, and what a worker holds.

    Each service is alone meanwhile: those that run beside it would share some of its memory.
    """

    def started(name: str) -> float:
        with serving(run.services[name], logs=run.home) as running:
            if not any(one["workload"] == "rss" and one["service"] == name for one in run.measures):
                _weigh(run, running)
            return running.start_seconds

    contestants = {name: partial(started, name) for name in COMPARED}
    run.interleaved("start", contestants, rounds=run.plan.login_rounds)


def _weigh(run: Run, running: Running) -> None:
    """Let the workers work at everything, then look at what they hold."""
    api, service = running.service.api, running.service
    load.closed_loop(running, api.me, service.people, seconds=1)
    load.closed_loop(running, api.page.format(skip=0), service.readers, seconds=1)
    if api.login is not None:
        load.loop(running, partial(login, running), expected=200, seconds=1)
    for name, value in zip(("rss", "pss"), running.memory(), strict=True):
        run.measures.append({"workload": name, "service": service.name, "round": 0, "value": value})
        say(f"  {name} {service.name:<20} {value:.1f} MiB")


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

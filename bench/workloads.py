"""The workloads W1 to W5: the same things asked of every service, in turn."""

from collections.abc import Callable
from functools import partial
from itertools import count

from bench import checks, load, machine
from bench.client import Request
from bench.load import Result
from bench.processes import Running
from bench.run import Run

OPEN_RATE = 50.0
COMPARED = ("gatehouse", "fastapi", "django", "flask", "bare")
LOGGING_IN = ("gatehouse", "fastapi", "fastapi_threads", "flask")
_numbers = count(1)


def me(run: Run) -> None:
    """W1: GET /users/me by 1,000 people."""
    contestants = {}
    for running in run.start(*COMPARED):
        path, people = running.service.api.me, running.service.people
        load.closed_loop(running, path, people, seconds=2)  # every token once at least
        contestants[running.service.name] = partial(_asked, run, running, path)
    run.interleaved("w1", contestants)


def page(run: Run) -> None:
    """W2: the first hundred of 10,000 people."""
    contestants = {}
    for running in run.start(*COMPARED):
        path = running.service.api.page.format(skip=0)
        load.closed_loop(running, path, running.service.readers, seconds=2)
        contestants[running.service.name] = partial(_listed, run, running, path)
    run.interleaved("w2", contestants)


def log_in(run: Run) -> None:
    """W3: eight clients log in, beside what bcrypt alone could do on all cores."""
    contestants = {"bcrypt": partial(machine.raw_bcrypt, run.plan.login_seconds)}
    for running in run.start("gatehouse", "fastapi", "flask"):
        contestants[running.service.name] = partial(_logged_in, run, running)
    run.interleaved("w3", contestants, rounds=run.plan.login_rounds)


def sign_up(run: Run) -> None:
    """W4: eight clients sign up."""
    contestants = {"bcrypt": partial(machine.raw_bcrypt, run.plan.login_seconds)}
    for running in run.start("gatehouse", "fastapi", "flask"):
        contestants[running.service.name] = partial(_signed_up, run, running)
    run.interleaved("w4", contestants, rounds=run.plan.login_rounds)


def stall(run: Run) -> None:
    """W5: GET /users/me at 50 a second, alone and while eight clients log in without a pause."""
    idle, busy = {}, {}
    for running in run.start(*LOGGING_IN):
        idle[running.service.name] = partial(_alone, run, running)
        busy[running.service.name] = partial(_while_logging_in, run, running)
    run.interleaved("w5_idle", idle, rounds=run.plan.login_rounds)
    run.interleaved("w5", busy, rounds=run.plan.login_rounds)


def _asked(run: Run, running: Running, path: str) -> Result:
    people = running.service.people
    result = load.closed_loop(running, path, people, seconds=run.plan.seconds)
    checks.everybody_is_themselves(running, sample=16)
    return checks.clean(result, running)


def _listed(run: Run, running: Running, path: str) -> Result:
    size = checks.page(running, path)
    readers = running.service.readers
    result = load.closed_loop(running, path, readers, seconds=run.plan.seconds, size=size)
    return checks.clean(result, running)


def _logged_in(run: Run, running: Running) -> Result:
    request = partial(login, running)
    result = load.loop(running, request, expected=200, seconds=run.plan.login_seconds)
    return checks.clean(result, running)


def _signed_up(run: Run, running: Running) -> Result:
    sign_up = running.service.api.sign_up
    assert sign_up is not None

    def request(_: int) -> Request:
        number = next(_numbers)
        return sign_up(f"newcomer{number}", address(number))

    result = load.loop(running, request, expected=201, seconds=run.plan.login_seconds)
    return checks.clean(result, running)


def _alone(run: Run, running: Running) -> Result:
    result = load.open_loop(
        running, asking(running), per_second=OPEN_RATE, seconds=run.plan.login_seconds / 2
    )
    return checks.clean(result, running)


def _while_logging_in(run: Run, running: Running) -> Result:
    clients = load.Clients(
        running, partial(login, running), expected=200, clients=load.LOGIN_CLIENTS
    )
    clients.start()
    try:
        result = load.open_loop(
            running, asking(running), per_second=OPEN_RATE, seconds=run.plan.login_seconds
        )
    finally:
        logins = clients.stop()
    checks.clean(logins, running)
    result.rate = logins.rate
    return checks.clean(result, running)


def asking(running: Running) -> Callable[[int], Request]:
    """Return how people ask for themselves, one after the other."""
    people, path = running.service.people, running.service.api.me
    return lambda number: Request("GET", path, token=people[number % len(people)][1])


def login(running: Running, _: int) -> Request:
    """Return a log-in of somebody from an address where nobody was before."""
    number = next(_numbers)
    people, log_in = running.service.people, running.service.api.login
    assert log_in is not None
    return log_in(people[number * 7 % len(people)][0], address(number))


def address(number: int) -> str:
    """Return a client address of its own for each number."""
    return f"10.{2 + number // 62_500 % 200}.{number // 250 % 250}.{number % 250 + 1}"

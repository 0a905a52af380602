"""Whether a service answers what it should: looked at before and after it is measured."""

from bench.client import Request
from bench.load import Result
from bench.processes import Running


class WrongAnswer(Exception):
    """A service answered something else; what it does fast is of no interest."""


def everybody_is_themselves(running: Running, *, sample: int) -> None:
    """Ask as people all over the set: everyone gets their own account."""
    people = running.service.people
    with running.connection() as connection:
        for email, token in people[:: max(1, len(people) // sample)]:
            answer = connection.send(Request("GET", running.service.api.me, token=token))
            if answer.status != 200 or answer.json["email"] != email:
                raise WrongAnswer(f"{running.service.name}: {email}: {answer.body[:300]!r}")


def page(running: Running, path: str) -> int:
    """Ask for a page of a hundred different people; return the size of its body."""
    with running.connection() as connection:
        answer = connection.send(Request("GET", path, token=running.service.readers[0][1]))
    if answer.status != 200:
        raise WrongAnswer(f"{running.service.name}: {answer.status} {answer.body[:300]!r}")
    users = running.service.api.users(answer.json)
    different = {user["id"] for user in users if "@" in user["email"]}
    if len(different) != 100:
        raise WrongAnswer(f"{running.service.name}: {len(users)} users: {answer.body[:300]!r}")
    return len(answer.body)


def clean(result: Result, running: Running) -> Result:
    """Return the result; raises WrongAnswer when any answer was refused or another one."""
    if result.failed or result.wrong:
        raise WrongAnswer(f"{running.service.name}: {result}")
    return result

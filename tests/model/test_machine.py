"""The service against a model of it: whatever people do in any order, both say the same."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.actors import Service
from tests.model.machine import Machine
from tests.model.people import RIGHTS, STEWARD
from tests.support.api import Person
from tests.support.databases import Database, PostgreSql, Sqlite
from tests.support.environment import UNHURRIED
from tests.support.mailbox import Mailbox

NO_LIMIT = ",".join(
    f"{name}=1000000/minute"
    for name in (
        *("sign_up", "login", "login_failures", "refresh", "refresh_session"),
        *("mail_requests", "confirmations", "email_change", "mails_to_person"),
    )
)
# Ten examples and more of one run are mostly copies of each other with steps repeated.
AT_ONCE = 9
RUNS_IN_FULL = 16
SEED = "MODEL_SEED"
COMMON = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    print_blob=True,
    report_multiple_bugs=False,
)
Run = Callable[[int, int], None]


@pytest.fixture
def run(app: Flask, admin: Person, mailbox: Mailbox, tmp_path: Path) -> Run:
    """Return a run of the machine: nine examples of so many steps, all by one seed.

    The service has a role more than it brings.
    """
    role = {"name": STEWARD, "description": "Some rights.", "permissions": sorted(RIGHTS[STEWARD])}
    admin.post("/roles", role).expect(201)
    service = Service(app, mailbox, tmp_path / "mail")

    def run(number: int, steps: int) -> None:
        factory = seed(number)(lambda: Machine(service))
        how = settings(COMMON, max_examples=AT_ONCE, stateful_step_count=steps)
        try:
            run_state_machine_as_test(factory, settings=how)
        except BaseException as failure:
            failure.add_note(f"The environment variable {SEED}={number} repeats it.")
            raise

    return run


@pytest.mark.settings(LIMITS=NO_LIMIT, **UNHURRIED)
def test_what_people_do_in_any_order(run: Run, database: Database) -> None:
    """The same examples at every run; each database has its own."""
    run([Sqlite.name, PostgreSql.name].index(database.name), 24)


@pytest.mark.full
@pytest.mark.settings(LIMITS=NO_LIMIT, **UNHURRIED)
def test_what_many_people_do_in_any_order(run: Run) -> None:
    """Other examples at every run; one that fails says how to repeat it."""
    first = int(os.environ.get(SEED, 0)) or random.SystemRandom().randrange(2**32)
    for number in range(1 if SEED in os.environ else RUNS_IN_FULL):
        run(first + number, 40)

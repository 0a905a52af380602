"""The API description is true (R107): requests made from it are answered as it says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup

from tests.support.api import Api, Person
from tests.support.databases import Sqlite

CONFIG = Path(__file__).with_name("schemathesis.toml")
RULES = ("sign_up", "login", "login_failures", "refresh", "refresh_session", "mail_requests")
RULES += ("confirmations", "email_change", "mails_to_person")
UNLIMITED = ",".join(f"{name}=1000000/minute" for name in RULES)

# What ends the session or the account of the caller: somebody new calls each time.
ENDS = {"auth_log_out", "auth_end_other_sessions", "auth_end_session", "users_delete_me"}
Known = dict[str, Callable[[], str]]
KNOWN = {"roles": ["user"], "password": "a Password of tests"}

# What succeeds only with a password or a token that nobody can make up.
NEED_SECRETS = {
    "auth_log_in",
    "auth_token",
    "auth_refresh",
    "auth_reauthenticate",
    "auth_verify_email",
    "auth_confirm_password_reset",
    "auth_end_session",
    "users_change_password",
}


def call_all(
    app: Flask, client: Api, admin: Person, *, examples: int
) -> tuple[dict[str, set[int]], list[str]]:
    """Call every operation with generated requests.

    Returns the statuses that came, by operation, and what was found.
    """
    config = schemathesis.Config.from_path(str(CONFIG))
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app, config=config)
    known: Known = {
        "user_id": lambda: client.at().sign_up().id,
        "role_id": lambda: new_role(admin),
    }
    seen: dict[str, set[int]] = {}
    findings: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()
        name = operation.definition.raw["operationId"]
        caller = new_caller(client) if name in ENDS else lambda: admin
        seen[name] = set()
        for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
            try:
                call(operation, mode, known, caller, examples=examples, statuses=seen[name])
            except Unsatisfiable:
                # Where nothing is sent, nothing of it can be wrong.
                assert mode is GenerationMode.NEGATIVE, name
            except (FailureGroup, Failure) as found:
                findings.append(f"{name}, {mode.value} data: {found}")
    return seen, findings


def new_role(admin: Person) -> str:
    role = admin.post("/roles", {"name": f"described-{uuid4().hex[:8]}"}).expect(201)
    return str(role.json["id"])


def new_caller(client: Api) -> Callable[[], Person]:
    return lambda: client.at().sign_up()


def call(
    operation: Any,
    mode: GenerationMode,
    known: Known,
    caller: Callable[[], Person],
    *,
    examples: int,
    statuses: set[int],
) -> None:
    """Call one operation, and let schemathesis judge the answers by all its checks."""

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.booleans())
    def judged(case: Any, is_known: bool) -> None:
        if mode is GenerationMode.POSITIVE and (is_known or not statuses):
            use(case, known)
        headers = {"Authorization": f"Bearer {caller().token}"}
        response = case.call(headers=headers)
        statuses.add(response.status_code)
        case.validate_response(response, headers=headers)

    judged()


def use(case: Any, known: Known) -> None:
    """Aim a request at what exists, where chance would never hit it."""
    for name in case.path_parameters or {}:
        if name in known:
            case.path_parameters[name] = known[name]()
    if isinstance(case.body, dict):
        case.body |= {name: value for name, value in KNOWN.items() if name in case.body}
    for name in ("If-Match", "If-None-Match"):
        (case.headers or {}).pop(name, None)


@pytest.mark.parametrize("database", [Sqlite.name], indirect=True)
@pytest.mark.parametrize("examples", [5, pytest.param(80, marks=pytest.mark.full)])
@pytest.mark.settings(LIMITS=UNLIMITED)
def test_r107_the_description_is_true(
    app: Flask, client: Api, admin: Person, examples: int
) -> None:
    seen, findings = call_all(app, client, admin, examples=examples)
    assert not findings, "\n\n".join(findings)
    assert len(seen) >= 36
    # An operation that never succeeded was not tried: its answers say little about it.
    unlucky = {name for name, statuses in seen.items() if not {200, 201, 202, 204} & statuses}
    assert unlucky <= NEED_SECRETS, seen

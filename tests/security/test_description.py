"""The API description is true (R107): requests made from it are answered as it says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
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


def call_all(
    app: Flask, client: Api, admin: Person, *, examples: int
) -> tuple[dict[str, set[int]], list[str]]:
    """Call every operation with generated requests.

    Returns the statuses that came, by operation, and what was found.
    """
    config = schemathesis.Config.from_path(str(CONFIG))
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app, config=config)
    person = client.sign_up()
    role = admin.post("/roles", {"name": "described"}).expect(201).json
    known = {"user_id": person.id, "role_id": role["id"]}
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
            except (FailureGroup, Failure) as found:
                findings.append(f"{name}, {mode.value} data: {found}")
    return seen, findings


def new_caller(client: Api) -> Callable[[], Person]:
    return lambda: client.at().sign_up()


def call(
    operation: Any,
    mode: GenerationMode,
    known: dict[str, str],
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
            for name in case.path_parameters or {}:
                case.path_parameters[name] = known.get(name, case.path_parameters[name])
        headers = {"Authorization": f"Bearer {caller().token}"}
        response = case.call(headers=headers)
        statuses.add(response.status_code)
        case.validate_response(response, headers=headers)

    judged()


@pytest.mark.parametrize("database", [Sqlite.name], indirect=True)
@pytest.mark.settings(LIMITS=UNLIMITED)
def test_r107_the_description_is_true(app: Flask, client: Api, admin: Person) -> None:
    seen, findings = call_all(app, client, admin, examples=5)
    assert not findings, "\n\n".join(findings)
    assert len(seen) >= 36
    assert all(status < 500 for statuses in seen.values() for status in statuses), seen
    print(seen)

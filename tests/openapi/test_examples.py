"""Every example of the API description is sent, and answered as the description says."""

import pytest

from tests.openapi.document import Case, alike, cases, shape
from tests.openapi.house import ADA, House
from tests.support import described
from tests.support.api import Api, Person
from tests.support.databases import Sqlite
from tests.support.mailbox import Mailbox

pytestmark = pytest.mark.parametrize("database", [Sqlite.name], indirect=True)


@pytest.fixture
def house(client: Api, admin: Person, mailbox: Mailbox) -> House:
    """Return a service with an administrator."""
    return House(client, admin, mailbox)


@pytest.mark.parametrize("case", list(cases()), ids=str)
def test_r107_an_example_is_answered_by_the_example_of_its_answer(case: Case, house: House) -> None:
    answer = house.send(case).expect(case.status)
    if case.schema is None:
        assert not answer.content
        return
    real, told = shape(answer.json, case.schema), shape(case.answer, case.schema)
    assert alike(real, told), (answer.json, case.answer)
    described.description(house.client.transport).validate(case.schema, case.answer)


@pytest.mark.settings(REGISTRATION_ENUMERATION="hide")
def test_r107_strict_mode_accepts_what_is_described(client: Api) -> None:
    answer = client.post("/users", ADA).expect(202)
    assert answer.json["status"] == "accepted"

"""A client that openapi-python-client makes from the API description, used as its user would."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pytest

from tests.openapi.document import PATH
from tests.openapi.tools import lacking, run
from tests.support.api import new_email, new_username
from tests.support.live import Live

pytestmark = pytest.mark.full

PACKAGE = "gatehouse_client"
PASSWORD = "seven green lanterns"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the client, generated without a warning."""
    if importlib.util.find_spec("openapi_python_client") is None:
        lacking("no openapi-python-client: make test-full installs it")
    folder = tmp_path_factory.mktemp("client")
    words = ("generate", "--path", str(PATH), "--output-path", "made", "--fail-on-warning")
    said = run(sys.executable, "-m", "openapi_python_client", *words, cwd=folder)
    assert "warning" not in said.lower(), said
    return folder / "made"


@pytest.fixture
def client(made: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the client, imported."""
    monkeypatch.syspath_prepend(str(made))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        monkeypatch.delitem(sys.modules, name)
    return importlib.import_module(PACKAGE)


@pytest.fixture
def connections() -> Iterator[ExitStack]:
    """Return what closes connections in the end."""
    with ExitStack() as stack:
        yield stack


def test_it_signs_up_logs_in_pages_and_patches(
    client: ModuleType, live: Live, connections: ExitStack
) -> None:
    from gatehouse_client.api.auth import auth_log_in
    from gatehouse_client.api.users import (
        users_change_me,
        users_index,
        users_register,
        users_show_me,
    )
    from gatehouse_client.models import (
        LoginIn,
        OwnPatch,
        Problem,
        Tokens,
        User,
        UserCreate,
        UserPage,
        UsersIndexSort,
    )

    stranger = connections.enter_context(client.Client(base_url=live.url))
    email = new_email()
    body = UserCreate(email=email, password=PASSWORD, username=new_username(), name="Ada")
    made = users_register.sync(client=stranger, body=body)
    assert isinstance(made, User)
    assert made.email == email

    taken = users_register.sync(client=stranger, body=body)
    assert isinstance(taken, Problem)
    assert (taken.status, taken.code) == (409, "email_taken")

    tokens = auth_log_in.sync(client=stranger, body=LoginIn(username=email, password=PASSWORD))
    assert isinstance(tokens, Tokens)
    signed_in = client.AuthenticatedClient(base_url=live.url, token=tokens.access_token)
    person = connections.enter_context(signed_in)

    shown = users_show_me.sync_detailed(client=person)
    assert isinstance(shown.parsed, User)
    tag = shown.headers["ETag"]
    changed = users_change_me.sync(client=person, body=OwnPatch(name="Ada King"), if_match=tag)
    assert isinstance(changed, User)
    assert changed.name == "Ada King"
    late = users_change_me.sync(client=person, body=OwnPatch(name="Nobody"), if_match=tag)
    assert isinstance(late, Problem)
    assert late.code == "version_mismatch"

    refused = users_index.sync(client=person)
    assert isinstance(refused, Problem)
    assert refused.code == "insufficient_scope"

    signed_in = client.AuthenticatedClient(base_url=live.url, token=live.admin().token)
    admin = connections.enter_context(signed_in)
    found: set[str] = set()
    page = users_index.sync(client=admin, per_page=1, sort=UsersIndexSort.CREATED_AT_DESCENDING)
    for _ in range(3):
        assert isinstance(page, UserPage)
        found |= {user.email for user in page.users}
        if page.next_cursor is None:
            break
        page = users_index.sync(
            client=admin,
            per_page=1,
            cursor=page.next_cursor,
            sort=UsersIndexSort.CREATED_AT_DESCENDING,
        )
    assert email in found
    assert len(found) >= 2

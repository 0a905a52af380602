"""`flask doctor` looks at where uploads are."""

from pathlib import Path

import pytest

from tests.cli.test_doctor import findings, odd, wrong
from tests.conftest import MakeApp
from tests.servers.server import free_port
from tests.support.databases import Sqlite

ON_SQLITE = pytest.mark.parametrize("database", [Sqlite.name], indirect=True)


def test_files_of_one_machine_are_fine(make_app: MakeApp, tmp_path: Path) -> None:
    assert str(tmp_path / "uploads") in findings(make_app(), state="fine")["uploads"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_files_of_one_of_several_machines_are_odd(make_app: MakeApp) -> None:
    app = make_app(JOBS="celery")
    assert "set STORAGE=azure" in odd(app)["uploads"]


@ON_SQLITE
def test_a_folder_that_cannot_be_written_is_wrong(make_app: MakeApp, tmp_path: Path) -> None:
    (tmp_path / "uploads").touch(mode=0o600)
    assert "cannot be written" in wrong(make_app())["uploads"]


@ON_SQLITE
def test_a_storage_that_does_not_answer_is_wrong(make_app: MakeApp) -> None:
    endpoint = f"BlobEndpoint=http://127.0.0.1:{free_port()}/acme"
    app = make_app(
        STORAGE="azure",
        AZURE_STORAGE_CONNECTION_STRING=f"AccountName=acme;AccountKey=YQ==;{endpoint}",
    )
    assert "does not answer" in wrong(app)["uploads"]
    assert "make the container avatars" in wrong(app)["uploads"]

"""ETag, If-Match and If-None-Match."""

import pytest
from flask.testing import FlaskClient

URL = "/api/v1/versions"


@pytest.mark.parametrize("tags", ['"v3"', 'W/"v3"', '"v1", "v3"', "*"])
def test_a_known_version_is_304(client: FlaskClient, tags: str) -> None:
    response = client.get(URL, headers={"If-None-Match": tags})
    assert response.status_code == 304
    assert response.get_data() == b""
    assert response.headers["ETag"] == '"v3"'
    assert "Content-Type" not in response.headers


@pytest.mark.parametrize("tags", ['"v2"', "v3", '"v33"', "", '"'])
def test_another_version_is_sent(client: FlaskClient, tags: str) -> None:
    response = client.get(URL, headers={"If-None-Match": tags})
    assert (response.status_code, response.headers["ETag"]) == (200, '"v3"')


@pytest.mark.parametrize("tags", [None, '"v3"', "*", '"v1", "v3"'])
def test_the_right_version_may_change(client: FlaskClient, tags: str | None) -> None:
    response = client.patch(URL, headers={} if tags is None else {"If-Match": tags})
    assert response.status_code == 204
    assert response.get_data() == b""
    assert "Content-Type" not in response.headers


@pytest.mark.parametrize("tags", ['"v2"', 'W/"v3"', "v3", "nonsense", '"v9999999999999999999999"'])
def test_c6_another_version_is_412(client: FlaskClient, tags: str) -> None:
    response = client.patch(URL, headers={"If-Match": tags})
    assert (response.status_code, response.json["code"]) == (412, "version_mismatch")

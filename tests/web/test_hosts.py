"""Who is calling, for which host, under which request id (R50, R102, R113)."""

import re

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import Make

FROM = "/api/v1/from"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def _address(client: FlaskClient, peer: str, chain: str | None, **headers: str) -> str:
    if chain is not None:
        headers["X-Forwarded-For"] = chain
    response = client.get(FROM, headers=headers, environ_overrides={"REMOTE_ADDR": peer})
    address: str = response.json["address"]
    return address


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP"]
)
def test_r50_a_stranger_cannot_choose_an_address(make: Make, header: str) -> None:
    for environ in ({}, {"TRUSTED_PROXIES": "10.0.0.0/8"}):
        client = make(**environ).test_client()
        value = "for=1.2.3.4" if header == "Forwarded" else "1.2.3.4"
        assert _address(client, "203.0.113.9", None, **{header: value}) == "203.0.113.9"


def test_r50_the_warning_comes_once(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    client = make().test_client()
    for _ in range(3):
        _address(client, "203.0.113.9", "1.2.3.4")
    assert capfd.readouterr().err.count("forwarded_header_ignored") == 1


@pytest.mark.parametrize(
    ("chain", "client_address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("1.1.1.1, 198.51.100.7", "198.51.100.7"),
        ("1.1.1.1, 198.51.100.7, 10.0.0.9", "198.51.100.7"),
        ("198.51.100.7, 10.0.0.9, 10.0.0.8", "198.51.100.7"),
        ("10.0.0.9", "10.0.0.9"),
        ("198.51.100.7:4711", "198.51.100.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8:0:0::1", "2001:db8::1"),
        ("nonsense", "10.0.0.1"),
        ("1.1.1.1, nonsense, 10.0.0.9", "10.0.0.9"),
        ("", "10.0.0.1"),
        ("1.1.1.1," * 500 + "198.51.100.7", "198.51.100.7"),
    ],
)
def test_r50_trusted_proxies_are_counted_from_the_right(
    make: Make, chain: str, client_address: str
) -> None:
    client = make(TRUSTED_PROXIES="10.0.0.0/8,::1/128").test_client()
    assert _address(client, "10.0.0.1", chain) == client_address
    assert _address(client, "::ffff:10.0.0.1", chain) in (client_address, "::ffff:10.0.0.1")


@pytest.mark.parametrize(
    ("peer", "claimed", "scheme"),
    [
        ("203.0.113.9", "https", "http"),
        ("10.0.0.1", "https", "https"),
        ("10.0.0.1", "http, https", "https"),
        ("10.0.0.1", "gopher", "http"),
    ],
)
def test_the_scheme_is_believed_to_proxies_only(
    make: Make, peer: str, claimed: str, scheme: str
) -> None:
    client = make(TRUSTED_PROXIES="10.0.0.0/8").test_client()
    response = client.get(
        FROM, headers={"X-Forwarded-Proto": claimed}, environ_overrides={"REMOTE_ADDR": peer}
    )
    assert response.json["scheme"] == scheme
    assert ("Strict-Transport-Security" in response.headers) == (scheme == "https")


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("api.example.org", True),
        ("API.example.org:8443", True),
        ("api.example.org.", True),
        ("a.b.example.net", True),
        ("example.net", True),
        ("example.org", False),
        ("evil.example", False),
        ("api.example.org.evil.example", False),
        ("evilexample.net", False),
        ("api.example.org@evil.example", False),
        ("api.example.org:8443:1", False),
        ("api.example.org, evil.example", False),
        ("127.0.0.1", False),
        ("a..example.net", False),
        (".example.net", False),
        ("a.example.net..", False),
        ("a" * 64 + ".example.net", False),
        ("a" * 63 + ".example.net", True),
        ("", False),
    ],
)
def test_r102_other_hosts_are_refused(make: Make, host: str, is_ours: bool) -> None:
    client = make(TRUSTED_HOSTS="api.example.org,.example.net").test_client()
    response = client.get(FROM, headers={"Host": host, "X-Forwarded-Host": "api.example.org"})
    if is_ours:
        assert response.status_code == 200
    else:
        assert (response.status_code, response.json["code"]) == (400, "untrusted_host")


def test_probes_may_call_by_address(make: Make) -> None:
    client = make(TRUSTED_HOSTS="api.example.org").test_client()
    for host in ("127.0.0.1:8000", "10.1.2.3", "[::1]:8000"):
        assert client.get("/health", headers={"Host": host}).status_code == 200
        assert client.get("/ready", headers={"Host": host}).status_code == 200
    assert client.get("/health", headers={"Host": "evil.example"}).status_code == 400


def test_without_trusted_hosts_only_nonsense_is_refused(make: Make) -> None:
    client = make().test_client()
    assert client.get(FROM, headers={"Host": "whatever.example:80"}).status_code == 200
    assert client.get(FROM, headers={"Host": "a b"}).status_code == 400


@pytest.mark.parametrize(
    "given",
    [
        None,
        "short",
        "x" * 65,
        "x" * 5_000,
        'abcdefgh"',
        "abcdefgh\u2028",
        "abc defgh",
        "<script>alert(1)</script>",
        "\x1b[31mabcdefgh",
    ],
)
def test_r113_hostile_request_ids_are_replaced(make: Make, given: str | None) -> None:
    client = make().test_client()
    headers = {} if given is None else {"X-Request-ID": given.encode().decode("latin-1")}
    response = client.get("/nothing", headers=headers)
    assert UUID.fullmatch(response.headers["X-Request-ID"])
    assert response.json["instance"] == response.headers["X-Request-ID"]


def test_a_harmless_request_id_is_kept(make: Make) -> None:
    response = make().test_client().get("/nothing", headers={"X-Request-ID": "trace-42.b_c"})
    assert response.headers.getlist("X-Request-ID") == ["trace-42.b_c"]
    assert response.json["instance"] == "trace-42.b_c"

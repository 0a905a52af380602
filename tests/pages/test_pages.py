"""What the pages send: a strict policy, nothing of strangers, and nothing that a visit changes."""

import json
import re
from pathlib import Path

import pytest
from flask import Flask

from gatehouse.infra import logs
from gatehouse.infra.swagger_ui import FILES
from gatehouse.pages import assets, catalogue
from tests.conftest import MakeApp
from tests.support.answers import Answer, InProcess
from tests.support.api import PASSWORD, Api, new_email
from tests.support.counting import counting
from tests.support.mailbox import Mailbox, text

MAIL_PAGES = ("/verify-email", "/reset-password", "/forgot-password")
PAGES = ("/", *MAIL_PAGES, "/docs", "/problems", "/problems/email_taken")
LOADED = re.compile(r'(?:src|href)="(/pages/[^"]+)"')
HOSTILE = "\"'><script>alert(1)</script>{{7*7}}"


def policy(answer: Answer) -> dict[str, list[str]]:
    """Return the sources of a page's Content-Security-Policy by directive."""
    parts = [part.split() for part in answer.headers["Content-Security-Policy"].split(";")]
    return {name: sources for name, *sources in parts}


@pytest.mark.parametrize("path", PAGES)
def test_r101_a_page_loads_our_own_files_only_and_nobody_frames_it(client: Api, path: str) -> None:
    answer = client.request("GET", path).expect(200)
    found = policy(answer)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert found["default-src"] == found["base-uri"] == found["frame-ancestors"] == ["'none'"]
    assert found["form-action"] == ["'none'"], "no password ever leaves in a query or a plain form"
    assert found["style-src"] == ["'self'"]
    for directive in ("script-src", "connect-src"):
        assert found.get(directive, ["'self'"]) == ["'self'"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    html = answer.content.decode()
    assert not re.search(r"<style|<script>|style=|\son[a-z]+=|https?:", html)
    assert not re.search(r"<script(?![^>]*\ssrc=)", html)
    assert LOADED.findall(html)
    for loaded in LOADED.findall(html):
        client.request("GET", loaded).expect(200)


@pytest.mark.parametrize("path", [*MAIL_PAGES, "/docs"])
def test_nobody_keeps_a_page_that_acts(client: Api, path: str) -> None:
    assert client.request("GET", path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_answers_head_and_get_alone(client: Api, path: str) -> None:
    head = client.request("HEAD", path).expect(200)
    assert head.content == b""
    assert head.headers["Content-Type"] == "text/html; charset=utf-8"
    for method in ("POST", "PUT", "DELETE"):
        answer = client.request(method, path, json={}).expect(405, "method_not_allowed")
        assert "GET" in answer.headers["Allow"]
    # There is one form of a page, and it is sent whatever was asked for.
    client.request("GET", path, headers={"Accept": "image/png"}).expect(200)


@pytest.mark.parametrize("path", PAGES)
def test_r94_what_a_link_carries_is_not_on_the_page(client: Api, path: str) -> None:
    plain = client.request("GET", path).expect(200)
    for query in (f"token={HOSTILE}", "token=x&utm_source=mail", "next=//evil.example", "%00"):
        answer = client.request("GET", f"{path}?{query}").expect(200)
        assert answer.content == plain.content


@pytest.mark.settings(PRODUCT_NAME=HOSTILE)
def test_r94_the_name_of_the_product_is_text(client: Api) -> None:
    for path in PAGES:
        html = client.request("GET", path).expect(200).content.decode()
        assert "<script>alert" not in html
        assert "alert(1)&lt;/script&gt;{{7*7}}" in html


def test_r111_to_open_a_link_of_a_mail_spends_nothing(
    app: Flask, client: Api, mailbox: Mailbox, tmp_path: Path
) -> None:
    email = new_email()
    client.post("/users", {"email": email, "password": PASSWORD}).expect(201)
    client.post("/auth/password-reset", {"email": email}).expect(202)
    verification, reset = mailbox.tokens(email)
    links = re.findall(
        r"http://127\.0\.0\.1:8000(/\S+#token=\S+)", "".join(map(text, mailbox.to(email)))
    )
    assert [link.partition("#")[0] for link in links] == ["/verify-email", "/reset-password"]

    log = tmp_path / "log"
    with log.open("wb") as output:
        logs.configure(app.config["SETTINGS"], descriptor=output.fileno())
        for path, token in zip(
            ("/verify-email", "/reset-password"), (verification, reset), strict=True
        ):
            for method in ("GET", "HEAD"):
                with counting(app) as cost:
                    # As a mail scanner or an old habit may send it; browsers send no fragment.
                    client.request(method, f"{path}?token={token}").expect(200)
                assert (cost.queries, cost.commits) == (0, 0)
        logs.configure(app.config["SETTINGS"])
    assert verification not in log.read_text()
    assert reset not in log.read_text()
    proof = {"token": verification, "password": PASSWORD}
    client.post("/auth/verify-email", proof).expect(204)
    body = {"token": reset, "new_password": PASSWORD + "2"}
    client.post("/auth/password-reset/confirm", body).expect(204)


@pytest.mark.parametrize("name", [*assets.OURS, *FILES])
def test_a_file_is_kept_for_ever_under_the_name_of_its_content(client: Api, name: str) -> None:
    path = assets.url(name)
    answer = client.request("GET", path).expect(200)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"].partition(";")[0] in assets.TYPES.values()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    tag = answer.headers["ETag"]
    again = client.request("GET", path, headers={"If-None-Match": tag}).expect(304)
    assert again.content == b""
    assert int(client.request("HEAD", path).expect(200).headers["Content-Length"]) > 0
    other = client.request("GET", f"/pages/0000000000000000/{name}").expect(200)
    assert other.headers["Cache-Control"] == "no-cache", (
        "of another version: looked after each time"
    )


@pytest.mark.parametrize(
    "name",
    [
        *("..", "../routes.py", "..%2froutes.py", "%2e%2e/routes.py", "..%5croutes.py"),
        *(
            "page.css%00.js",
            "/etc/passwd",
            "%2fetc%2fpasswd",
            "PAGE.CSS",
            "page.css/",
            "index.html",
        ),
        *("routes.py", "__init__.py", "_layout.html.j2", "swagger-ui.js", ""),
    ],
)
def test_r106_no_other_file_is_reached(client: Api, name: str) -> None:
    answer = client.request("GET", f"/pages/0000000000000000/{name}")
    if name == "page.css/":  # trailing slashes do not matter
        answer.expect(200)
    else:
        assert answer.status in (400, 404), str(answer)


def test_without_docs_there_is_nothing_of_it(make_app: MakeApp) -> None:
    off = Api(InProcess(make_app(DOCS="off")))
    off.request("GET", "/docs").expect(404, "not_found")
    for name in ("docs.js", "docs.css", *FILES):
        off.request("GET", assets.url(name)).expect(404, "not_found")
    off.request("GET", assets.url("page.css")).expect(200)
    off.request("GET", "/openapi.json").expect(200)


def test_who_types_the_address_is_led_on(make_app: MakeApp, client: Api) -> None:
    links = re.compile(r'<a href="([^"]+)"')
    found = links.findall(client.request("GET", "/").expect(200).content.decode())
    assert found == ["/docs", "/openapi.json", "/problems", "/health"]
    for path in found:
        client.request("GET", path).expect(200)
    off = Api(InProcess(make_app(DOCS="off")))
    assert links.findall(off.request("GET", "/").expect(200).content.decode()) == found[1:]


def test_every_problem_leads_to_its_page(client: Api) -> None:
    for answer in (
        client.request("GET", "/nowhere"),
        client.get("/users/me"),
        client.post("/auth/login", {"username": "a"}),
        client.post("/auth/token", form={"grant_type": "x"}),
    ):
        page = client.request("GET", answer.json["type"]).expect(200)
        html = page.content.decode()
        assert f"<code>{answer.code}</code></h1>" in html
        assert str(answer.status) in html
        assert page.headers["Cache-Control"] == "public, max-age=300"


def test_every_code_has_a_page(client: Api) -> None:
    index = client.request("GET", "/problems").expect(200).content.decode()
    for entry in catalogue.entries().values():
        assert f'href="/problems/{entry.code}"' in index
        client.request("GET", f"/problems/{entry.code}").expect(200)


def test_what_every_code_means_is_gathered_once(client: Api) -> None:
    for code in ("email_taken", "nothing"):
        client.request("GET", f"/problems/{code}")
    assert catalogue.entries() is catalogue.entries()


def test_a_page_tells_where_its_code_occurs(client: Api) -> None:
    html = client.request("GET", "/problems/email_taken").content.decode()
    assert "<code>POST /api/v1/users</code>" in html
    assert "/api/v1/auth/login" not in html
    document = json.loads(
        re.search(r"<pre[^>]*><code>(.*?)</code>", html, re.S)[1].replace("&#34;", '"')
    )  # type: ignore[index]
    assert document == catalogue.entries()["email_taken"].document


def test_a_status_without_a_class_of_ours_has_a_page(client: Api) -> None:
    html = client.request("GET", "/problems/length_required").expect(200).content.decode()
    assert "411" in html
    for code in ("nothing", "ok", "EMAIL_TAKEN", HOSTILE, "..", "%00"):
        answer = client.request("GET", f"/problems/{code}")
        assert answer.status == 404, str(answer)
        assert b"<script" not in answer.content


def test_a_client_may_name_itself_at_the_token_endpoint(client: Api) -> None:
    """RFC 6749, section 2.3.1: Swagger UI and others do. It is no proof, and opens nothing."""
    person = client.sign_up()
    for name in ("Basic Og==", "Basic Y2xpZW50OnNlY3JldA==", "Basic nonsense"):
        headers = {"Authorization": name}
        form = {"grant_type": "password", "username": person.email, "password": PASSWORD}
        client.post("/auth/token", form=form, headers=headers).expect(200)
        wrong = client.at().post("/auth/token", form=form | {"password": "x"}, headers=headers)
        wrong.expect(400, "invalid_grant")
        client.get("/users/me", headers=headers).expect(401)

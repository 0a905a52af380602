"""What is said on sockets: notices to the person alone, and words of those who may speak."""

import json
from contextlib import ExitStack
from functools import partial
from uuid import UUID

from gatehouse.infra import push
from gatehouse.infra.push import EVERYONE, Audience
from tests.support import people
from tests.support.databases import PostgreSql, application
from tests.support.environment import settings
from tests.support.live import Live, Servers
from tests.support.sockets import Frame, open_as


def is_joining(heard: Frame) -> bool:
    """Tell whether a message is about somebody who comes or goes: other tests share the server."""
    return heard["type"] in ("joined", "left", "broadcast")


def test_a_person_hears_what_happens_to_their_account_and_nobody_else(live: Live) -> None:
    person, other = live.client.sign_up(), live.client.sign_up()
    admin = live.admin()
    with (
        open_as(person, live.url, "one") as one,
        open_as(person, live.url, "two") as two,
        open_as(other, live.url) as foreign,
    ):
        admin.grant(person.id, "user", "admin").expect(200)
        for socket in (one, two):
            heard = socket.hear("notice")
            assert heard.pop("at").endswith("Z")
            told = {"event": "roles.changed", "granted": ["admin"], "taken": []}
            assert heard == {"type": "notice", **told}

        here = person.again()  # from where they are: no news
        there = live.client.using("elsewhere/1.0").at("203.0.113.77").log_in(person.email)
        heard = one.hear("notice")
        assert heard["event"] == "session.started"
        assert (heard["address"], heard["user_agent"]) == ("203.0.113.77", "elsewhere/1.0")
        sessions = there.get("/auth/sessions").json["sessions"]
        assert heard["session_id"] == next(s["id"] for s in sessions if s["is_current"])

        ended = next(
            s["id"] for s in here.get("/auth/sessions").json["sessions"] if s["is_current"]
        )
        here.post("/auth/logout").expect(204)
        heard = one.hear("notice")
        assert (heard["event"], heard["session_id"]) == ("session.ended", ended)
        assert one.is_quiet(but=is_joining)
        assert foreign.is_quiet(but=is_joining)


def test_who_may_broadcast_is_told_of_and_heard_by_all(live: Live) -> None:
    person, speaker = live.client.sign_up(), live.admin()
    with open_as(person, live.url, "listener") as listener:
        with open_as(speaker, live.url, "desk-7") as desk:
            about = {"client_id": "desk-7", "user_id": speaker.id}
            for socket in (desk, listener):
                assert socket.hear("joined", **about)["text"] == "Client desk-7 joined"
            desk.say("tea is ready <b>")
            for socket in (desk, listener):
                heard = socket.hear("broadcast", **about)
                assert heard["text"] == "Client desk-7: tea is ready <b>"
                assert heard["at"].endswith("Z")
        assert listener.hear("left", **about)["text"] == "Client desk-7 left"
        listener.say("me too")
        assert listener.hear("error")["code"] == "insufficient_scope"


def test_the_right_to_speak_is_asked_with_every_word(live: Live) -> None:
    admin, person = live.admin(), live.client.sign_up()
    body = {"name": f"speaker-{person.id[-8:]}", "permissions": ["broadcast:send"]}
    role = admin.post("/roles", body).expect(201).json
    with open_as(person, live.url, "p") as socket:
        socket.say("may I?")
        assert socket.hear("error")["code"] == "insufficient_scope"
        admin.grant(person.id, "user", role["name"]).expect(200)
        socket.say("I may")
        assert socket.hear("broadcast", user_id=person.id)["text"] == "Client p: I may"
        admin.patch(f"/roles/{role['id']}", {"permissions": []}).expect(200)
        socket.say("still?")
        assert socket.hear("error")["code"] == "insufficient_scope"


def test_what_is_no_message_is_refused_and_ends_nothing(live: Live) -> None:
    with open_as(live.admin(), live.url) as socket:
        for sent, code in (
            ("hello", "malformed_json"),
            ('{"type": "broadcast", "text": "\\ud800"}', "malformed_json"),
            ("[1]", "validation_failed"),
            ("{}", "validation_failed"),
            ('{"type": "broadcast"}', "validation_failed"),
            ('{"type": "broadcast", "text": ""}', "validation_failed"),
            ('{"type": "broadcast", "text": 1}', "validation_failed"),
            ('{"type": "notice", "text": "x"}', "validation_failed"),
            ('{"type": "broadcast", "text": "x", "user_id": "y"}', "validation_failed"),
            (json.dumps({"type": "broadcast", "text": "x" * 4097}), "validation_failed"),
        ):
            socket.connection.send(sent)
            assert socket.hear("error")["code"] == code, sent
        socket.say("x" * 4096)
        assert socket.hear("broadcast", timeout=5)


def test_without_ws_broadcast_nobody_speaks_and_nobody_is_named(servers: Servers) -> None:
    with ExitStack() as stack:
        live = servers.start("sqlite", stack, WS_BROADCAST="off")
        admin, person = live.admin(), live.client.sign_up()
        with open_as(person, live.url) as listener, open_as(admin, live.url) as socket:
            socket.say("hello")
            assert socket.hear("error")["code"] == "broadcast_off"
            assert listener.is_quiet()
            admin.grant(person.id, "user", "admin").expect(200)
            assert listener.hear("notice")["event"] == "roles.changed"


def test_another_program_of_the_service_is_heard_by_redis(servers: Servers, redis_url: str) -> None:
    """A command or a Celery worker publishes as a request does."""
    live = servers.get(PostgreSql.name, REDIS_URL=redis_url)
    one, other = live.client.sign_up(), live.client.sign_up()
    with open_as(one, live.url) as first, open_as(other, live.url) as second:
        found = live.app.config["SETTINGS"].database_url
        with application(settings(live.directory, found, REDIS_URL=redis_url)) as app:
            for to, text in ((Audience(user_id=UUID(one.id)), "to one"), (EVERYONE, "to all")):
                message = {"type": "notification", "text": text}
                people.in_context(app, partial(push.publish, message, to=to))
        assert [first.hear("notification")["text"] for _ in range(2)] == ["to one", "to all"]
        assert second.hear("notification")["text"] == "to all"

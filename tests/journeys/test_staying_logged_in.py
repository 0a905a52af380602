"""The flows of the page about log-in, as stories: staying in, getting out, and coming back."""

from dataclasses import replace

from tests.support.api import Api
from tests.support.clocks import Clock
from tests.support.mailbox import Mailbox


def test_a_client_refreshes_when_its_access_token_is_over(client: Api, clock: Clock) -> None:
    person = client.sign_up()
    clock.forward(minutes=16)
    person.get("/users/me").expect(401, "invalid_token")
    later = person.refreshed()
    later.get("/users/me").expect(200)
    clock.forward(days=6)
    later.refreshed().get("/users/me").expect(200)


def test_an_answer_gets_lost_and_a_thief_comes_late(client: Api, clock: Clock) -> None:
    person = client.sign_up()
    elsewhere = person.again()
    lost = client.try_refresh(person.refresh_token).expect(200).json
    again = client.try_refresh(person.refresh_token).expect(200).json
    assert again["refresh_token"] == lost["refresh_token"]
    person = replace(person, token=again["access_token"], refresh_token=again["refresh_token"])
    assert person.is_in()
    clock.forward(seconds=11)
    thief = client.at()
    thief.try_refresh(lost["refresh_token"]).expect(200)
    client.try_refresh(person.refresh_token).expect(401, "invalid_refresh_token")
    person.get("/users/me").expect(401, "invalid_token")
    assert elsewhere.is_in(), "other sessions live on"


def test_leaving_one_device_and_then_all_others(client: Api) -> None:
    phone = client.sign_up()
    laptop, desk = phone.again(), phone.again()
    desk.post("/auth/logout").expect(204)
    desk.get("/users/me").expect(401, "invalid_token")
    client.try_refresh(desk.refresh_token).expect(401, "invalid_refresh_token")
    shown = laptop.get("/auth/sessions").expect(200).json["sessions"]
    assert [one["is_current"] for one in shown] == [True, False]
    laptop.delete("/auth/sessions").expect(204)
    assert laptop.is_in()
    assert not phone.is_in()


def test_a_lost_device_is_ended_by_its_name_in_the_list(client: Api) -> None:
    lost = client.using("Lost/1.0").sign_up()
    person = client.log_in(lost.email)
    shown = person.get("/auth/sessions").expect(200).json["sessions"]
    [session_id] = [one["id"] for one in shown if one["user_agent"] == "Lost/1.0"]
    person.delete(f"/auth/sessions/{session_id}").expect(204)
    person.delete(f"/auth/sessions/{session_id}").expect(404, "session_not_found")
    assert person.is_in()
    assert not lost.is_in()


def test_leaving_for_good_asks_once_more_for_the_password(client: Api, clock: Clock) -> None:
    person = client.sign_up()
    clock.forward(minutes=11)
    person.delete("/users/me").expect(401, "insufficient_user_authentication")
    stale = person.refreshed()
    stale.delete("/users/me").expect(401, "insufficient_user_authentication")
    stale.post("/auth/reauthenticate", {"password": "not mine at all"}).expect(403)
    body = {"password": person.password}
    confirmed = stale.post("/auth/reauthenticate", body).expect(200).json
    assert "refresh_token" not in confirmed
    stale.bearing(confirmed["access_token"]).delete("/users/me").expect(204)
    assert not stale.is_in()


def test_a_forgotten_password_ends_every_session(client: Api, mailbox: Mailbox) -> None:
    person = client.sign_up()
    client.post("/auth/password-reset", {"email": person.email}).expect(202)
    body = {"token": mailbox.token(person.email), "new_password": "another Password of mine"}
    client.post("/auth/password-reset/confirm", body).expect(204)
    client.post("/auth/password-reset/confirm", body).expect(400, "one_time_token_invalid")
    assert not person.is_in()
    client.try_log_in(person.email).expect(401, "invalid_credentials")
    assert client.log_in(person.email, body["new_password"]).me()["is_verified"]


def test_the_owner_of_an_address_takes_the_account_that_a_stranger_opened(
    client: Api, mailbox: Mailbox
) -> None:
    stranger = client.at().sign_up("owner@example.com", "the stranger's Password")
    token = mailbox.token("owner@example.com")
    client.post("/auth/verify-email", {"token": token}).expect(422, "proof_required")
    mine = {"token": token, "new_password": "the owner's own Password"}
    client.post("/auth/verify-email", mine).expect(204)
    assert not stranger.is_in()
    client.try_log_in(stranger.email, stranger.password).expect(401, "invalid_credentials")
    assert client.log_in(stranger.email, mine["new_password"]).me()["is_verified"]

"""What writing the model brought to light, each as a story of its own."""

from tests.support.api import Api
from tests.support.clocks import Clock


def test_r26_a_session_that_is_over_cannot_be_ended(client: Api, clock: Clock) -> None:
    old = client.sign_up()
    [session] = old.get("/auth/sessions").expect(200).json["sessions"]
    clock.forward(days=8)
    person = old.again()
    assert session["id"] not in str(person.get("/auth/sessions").json)
    person.delete(f"/auth/sessions/{session['id']}").expect(404, "session_not_found")

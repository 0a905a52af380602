"""A newcomer's first minutes: sign up, log in, look, change, leave."""

from tests.support.api import Api


def test_sign_up_shows_no_password_and_no_hash(client: Api) -> None:
    for path in ("/users", "/users/"):
        email = f"test{len(path)}@example.com"
        body = {"email": email, "username": f"testuser{len(path)}", "password": "testpass123"}
        answer = client.post(path, body).expect(201)
        assert answer.json["email"] == email
        assert "password" not in answer.content.decode()
        assert "$2" not in answer.content.decode()
        assert answer.headers["Location"] == f"/api/v1/users/{answer.json['id']}"
    client.post("/users", {"email": "new@example.com", "password": "secure123"}).expect(201)
    again = {"email": "new@example.com", "password": "secure123"}
    client.post("/users", again).expect(409, "email_taken")

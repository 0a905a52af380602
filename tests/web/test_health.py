"""The probes: right during faults, and silent about everything else (R116)."""

import pytest
from flask.testing import FlaskClient

from gatehouse.infra import lifecycle
from tests.web.conftest import Make

# Nobody listens on port 1.
NO_POSTGRES = "postgresql://nobody:nothing@127.0.0.1:1/nowhere"
NO_REDIS = "redis://127.0.0.1:1/0"


def test_r116_health_and_readiness(client: FlaskClient) -> None:
    health, ready = client.get("/health"), client.get("/ready")
    assert (health.status_code, health.json) == (200, {"status": "healthy"})
    assert (ready.status_code, ready.json) == (200, {"status": "ready"})


def test_r116_without_the_database(make: Make) -> None:
    client = make(DATABASE_URL=NO_POSTGRES).test_client()
    assert client.get("/health").status_code == 200
    response = client.get("/ready")
    assert (response.status_code, response.json["code"]) == (503, "not_ready")
    assert "Retry-After" in response.headers
    assert "127.0.0.1" not in response.get_data(as_text=True)


def test_r116_without_redis_limits_fall_back(make: Make) -> None:
    response = make(REDIS_URL=NO_REDIS).test_client().get("/ready")
    assert (response.status_code, response.json) == (200, {"status": "degraded"})


def test_r116_readiness_falls_before_a_stop(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "draining", lambda: True)
    assert client.get("/ready").status_code == 503
    assert client.get("/health").status_code == 200

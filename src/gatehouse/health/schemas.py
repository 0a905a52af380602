"""What the probes answer."""

from gatehouse.web.schemas import Choice, Schema, told


class HealthOut(Schema):
    """The process lives."""

    status = Choice(("healthy",), required=True, metadata=told("Always the same.", "healthy"))


class ReadyOut(Schema):
    """The service takes requests."""

    status = Choice(
        ("ready", "degraded"),
        required=True,
        metadata=told("`degraded` while Redis does not answer: limits count per process.", "ready"),
    )

"""What the probes answer."""

from gatehouse.web.schemas import Choice, Schema


class HealthOut(Schema):
    """The process lives."""

    status = Choice(("healthy",), required=True)


class ReadyOut(Schema):
    """The service takes requests."""

    status = Choice(("ready", "degraded"), required=True)

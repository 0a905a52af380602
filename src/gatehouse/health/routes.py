"""The two probes: `/health` for the process, `/ready` for what it needs."""

from flask import Response

from gatehouse.health import service
from gatehouse.health.schemas import HealthOut, ReadyOut
from gatehouse.web import access
from gatehouse.web.blueprint import Blueprint
from gatehouse.web.json import respond

blueprint = Blueprint("health", description="Probes of load balancers and orchestrators.")


@blueprint.get("/health")
@access.public
@blueprint.response(200, HealthOut, description="It lives.")
def health() -> Response:
    """Tell whether the process lives.

    Asks nobody else, so that a fault elsewhere restarts nothing here.
    """
    return respond({"status": "healthy"})


@blueprint.get("/ready")
@access.public
@blueprint.refuses(service.NotReady)
@blueprint.response(200, ReadyOut, description="Send requests.")
def ready() -> Response:
    """Tell whether to send requests here.

    `degraded` is ready too: what is shared between processes falls back to each of them. 503 while
    the database does not answer, and before a stop.
    """
    return respond({"status": service.readiness()})

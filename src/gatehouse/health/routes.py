"""The probes, `/health` for the process and `/ready` for what it needs, and `/metrics`."""

from flask import Response, current_app

from gatehouse.health import service
from gatehouse.health.schemas import HealthOut, ReadyOut
from gatehouse.infra import metrics
from gatehouse.web import access
from gatehouse.web.blueprint import Blueprint
from gatehouse.web.json import respond

blueprint = Blueprint("health", description="Probes of load balancers and orchestrators.")
# Prometheus needs no description of it, and clients of the API have no use for it.
operator = Blueprint("metrics", is_described=False)


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


@operator.get("/metrics")
@access.metrics_token
def show_metrics() -> Response:
    """Show what all processes of this server have counted, as Prometheus reads it."""
    return Response(metrics.of(current_app).text(), content_type=metrics.CONTENT_TYPE)

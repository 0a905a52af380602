"""What is told of requests that waited too long: the server counts them, the edge declares it."""

from gatehouse.infra import metrics

SHED = metrics.Counter(
    "gatehouse_requests_shed_total", "Requests refused because no thread was free in time."
)

"""The events, limits and counts of logging in."""

from gatehouse.core.events import Event
from gatehouse.infra.limits import Rule
from gatehouse.infra.metrics import Counter


class AuthEvent(Event):
    """What happens at the doors of log-in and recovery."""

    LOGIN_FAILED = "login.failed"
    LOGIN_UNFINISHED = "login.unfinished"
    REAUTHENTICATED = "login.confirmed"
    PASSWORD_RESET_REQUESTED = "password.reset_requested"
    EMAIL_VERIFIED = "email.verified"
    EMAIL_VERIFICATION_FAILED = "email.verification_failed"


LOGIN = Rule("login", "120/minute")
LOGIN_FAILURES = Rule("login_failures", "50/10minute")
REFRESH = Rule("refresh", "600/minute")
REFRESH_SESSION = Rule("refresh_session", "60/minute")
MAIL_REQUESTS = Rule("mail_requests", "20/hour")
CONFIRMATIONS = Rule("confirmations", "30/10minute")

LIMITS = (
    LOGIN,
    LOGIN_FAILURES,
    REFRESH,
    REFRESH_SESSION,
    MAIL_REQUESTS,
    CONFIRMATIONS,
)

LOGINS = Counter("gatehouse_logins_total", "Log-ins by what became of them.", ("outcome",))

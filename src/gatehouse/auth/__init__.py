"""Logging in: tokens, the access check of every request, verification and recovery."""

from gatehouse.auth import recovery, recovery_routes, verification
from gatehouse.auth.authenticator import authenticate
from gatehouse.auth.manager import TokenManager
from gatehouse.auth.repository import permissions_in
from gatehouse.auth.routes import blueprint, well_known
from gatehouse.auth.vocabulary import LIMITS, LOGINS, AuthEvent
from gatehouse.feature import Feature

__all__ = ["TokenManager", "feature", "permissions_in", "recovery_routes"]

feature = Feature(
    name="auth",
    blueprints=(blueprint, well_known),
    events=AuthEvent,
    limits=LIMITS,
    metrics=(LOGINS,),
    authenticators=(authenticate,),
    jobs={
        recovery.RESET_JOB: recovery.send_reset,
        verification.RESEND_JOB: verification.resend,
    },
    erase=recovery.forget,
)

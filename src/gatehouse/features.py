"""The table of contents: every feature, in the order in which they may know each other."""

from gatehouse import (
    audit,
    auth,
    guessing,
    health,
    notifications,
    one_time,
    pages,
    roles,
    sessions,
    sockets,
    uploads,
    users,
)
from gatehouse.feature import Feature

FEATURES: tuple[Feature, ...] = (
    audit.feature,  #     GET /audit-events, and the ledger that every other feature writes
    roles.feature,  #     /roles, /permissions
    sessions.feature,  #  sessions and refresh tokens
    one_time.feature,  #  what links in mail carry
    guessing.feature,  #  how often a password may be tried
    users.feature,  #     /users: sign-up, profile, administration
    auth.feature,  #      /auth: log-in, refresh, verification, recovery; /.well-known/jwks.json
    uploads.feature,  #   /users/me/avatar, /uploads
    sockets.feature,  #   /auth/ws-ticket, /ws: live notices
    notifications.feature,  # /notifications: mail and push to one, a role, or everyone
    pages.feature,  #     /docs, /problems, and where links in mail lead
    health.feature,  #    /health, /ready
)

"""What a reader of the API description is told first."""

TEXT = """\
Accounts, log-in, sessions, roles and user administration.

## Logging in

`POST /api/v1/users` makes an account, `POST /api/v1/auth/login` gives an access token (15
minutes by default) and a refresh token. Send the access token with each request:

    Authorization: Bearer eyJ...

Before it ends, spend the refresh token at `POST /api/v1/auth/refresh` for a new pair; each
works once. Some operations want a log-in of the last ten minutes: they answer 401
`insufficient_user_authentication`, and `POST /api/v1/auth/reauthenticate` gives an access token
that satisfies them. `x-lock` says for each operation who may call it.

## Errors

Every error is a problem document (RFC 9457, `application/problem+json`). Decide by its `code`,
which never changes its meaning. Each operation lists by status the codes that it may answer
(`x-error-codes`), with an example of each. A request that the server cannot read as HTTP comes to
no operation: 400 `bad_request`, 414 `uri_too_long`, 417 `expectation_failed`, 431
`headers_too_large`; nor does one for which no thread is free in time: 503 `overloaded`.
`instance` is the request id, also in `X-Request-ID`.

## Lists

Follow `next_cursor` with `?cursor=` until it is null: rows that come and go meanwhile are
neither skipped nor seen twice. `page` and `per_page`, or `skip` and `limit`, are for the first
10,000 rows. `total=true` counts them all. The `Link` header has the first and the next page.

## Versions of a resource

Single resources carry an `ETag`. `If-None-Match` spares an answer that is known (304), and
`If-Match` keeps a change from overwriting another one (412 `version_mismatch`).

## Limits

`x-rate-limits` tells how often an address may call an operation, unless the operator says
otherwise. 429 and 503 say in `Retry-After` how many seconds to wait.

## Strictness

Bodies are UTF-8 JSON. Unknown members and query parameters are refused with 422. Absent members
stay as they are; null is not a way to leave something out. Times are RFC 3339 in UTC, ids are
UUIDs.
"""

[metadata]
name = gatehouse
version = 0.1.0
description = Accounts backend: sign-up, log-in, sessions, roles and user administration as a REST API
long_description = file: README.md
long_description_content_type = text/markdown
author = Gatehouse contributors
license = MIT
license_files = LICENSE
classifiers =
    Framework :: Flask
    Programming Language :: Python :: 3 :: Only
    Programming Language :: Python :: 3.11
    Programming Language :: Python :: 3.12
    Programming Language :: Python :: 3.13
    Typing :: Typed

[options]
package_dir =
    = src
packages = find:
python_requires = >=3.11
install_requires = file: requirements.in
include_package_data = False

[options.extras_require]
azure = azure-storage-blob

[options.packages.find]
where = src

[options.package_data]
gatehouse = py.typed
gatehouse.infra = templates/mail/*.j2
gatehouse.pages = templates/*.j2, files/*

# ---------------------------------------------------------------------------------------------
# Tests: `make test`. Full runs and trials are chosen by marker, everything else runs always.
[tool:pytest]
testpaths = tests
pythonpath =
    .
    src
addopts =
    --strict-markers
    --strict-config
    --import-mode=importlib
    -ra
    -m "not full and not trial"
markers =
    full: runs with `make test-full` only (browsers, proxies, fuzzing, large tables)
    trial: belongs to `make trial` (kills, soaks, ratios)
xfail_strict = True
filterwarnings =
    error

[coverage:run]
source = gatehouse
branch = True
parallel = True

[coverage:report]
show_missing = True
skip_covered = True

# ---------------------------------------------------------------------------------------------
# Types: `make typecheck`
[mypy]
python_version = 3.11
packages = gatehouse
mypy_path = src
strict = True
warn_unreachable = True
show_error_codes = True
enable_error_code = ignore-without-code, redundant-expr, truthy-bool
# This package carries types, but not of every function.
untyped_calls_exclude = prometheus_client

# These packages carry no types.
[mypy-celery.*,flask_cors.*,flask_jwt_extended.*,flask_migrate.*,flask_smorest.*,gunicorn.*,passlib.*,zxcvbn.*]
ignore_missing_imports = True

# ---------------------------------------------------------------------------------------------
# The direction of imports: `lint-imports`, part of `make check`
[importlinter]
root_packages =
    gatehouse
include_external_packages = True

# core <- settings <- infra <- web <- features in the order of features.py <- the command line.
# Imports inside functions count.
[importlinter:contract:floors]
name = Every floor imports downwards only
type = layers
containers =
    gatehouse
layers =
    cli | worker | serving
    features
    health
    pages
    uploads
    auth
    users
    guessing
    one_time
    sessions
    roles
    audit
    feature
    web
    infra
    settings
    core
exhaustive = True

# create_app stands above everything: what it builds must not ask it back.
[importlinter:contract:factory]
name = Only the command line, the server and the Celery worker import create_app
type = protected
protected_modules =
    gatehouse
allowed_importers =
    gatehouse.cli.**
    gatehouse.cli
    gatehouse.worker
    gatehouse.serving
as_packages = False

[importlinter:contract:core]
name = The core knows neither Flask nor SQL
type = forbidden
source_modules =
    gatehouse.core
forbidden_modules =
    flask
    werkzeug
    sqlalchemy
    marshmallow

[importlinter:contract:vendors]
name = Only infra knows a vendor; doctor asks some of them itself
type = forbidden
source_modules =
    gatehouse.*
forbidden_modules =
    flask_sqlalchemy
    flask_limiter
    flask_swagger_ui
    limits
    psycopg
    redis
    prometheus_client
    smtplib
    sqlite3
    azure
    celery
    kombu
    passlib
    cryptography
allow_indirect_imports = True
ignore_imports =
    gatehouse.infra.** -> **
    gatehouse.cli.doctor.** -> **

# Nobody's rights may be older than the question, so what decides about them remembers nothing.
[importlinter:contract:cache]
name = What decides about access knows no cache
type = forbidden
source_modules =
    gatehouse.web.access
    gatehouse.web.denials
    gatehouse.web.locks
    gatehouse.sessions
    gatehouse.one_time
    gatehouse.guessing
    gatehouse.auth
    gatehouse.roles.assignments
    gatehouse.roles.repository
    gatehouse.roles.rights
    gatehouse.roles.service
    gatehouse.users.repository
    gatehouse.users.service
    gatehouse.infra.keys
    gatehouse.infra.limits
forbidden_modules =
    gatehouse.infra.cache
    gatehouse.infra.cache_stores
allow_indirect_imports = True

[importlinter:contract:services]
name = Services and repositories know no request
type = forbidden
source_modules =
    gatehouse.*.service
    gatehouse.*.repository
    gatehouse.*.models
forbidden_modules =
    flask
    flask_smorest
    werkzeug
allow_indirect_imports = True

[importlinter:contract:inside]
name = Inside a feature: routes, service, repository, models
type = layers
containers =
    gatehouse.*
layers =
    (routes)
    (service)
    (repository)
    (models)

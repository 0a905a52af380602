# One image for everything: the server, Celery's worker and beat, migrations, the command line.
#   docker build -t gatehouse .
#   docker build -t gatehouse --build-arg EXTRAS=azure .     # with what STORAGE=azure needs

ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS build
ARG EXTRAS=""
WORKDIR /opt/gatehouse
COPY requirements.txt requirements-azure.txt ./
# Wheels alone: no code of a package runs while it is installed.
RUN python -m venv --without-pip .venv \
    && for extra in ${EXTRAS}; do set -- "$@" -r "requirements-${extra}.txt"; done \
    && python -m pip --python .venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --root-user-action ignore --only-binary :all: --require-hashes -r requirements.txt "$@"
COPY src src
# Nobody can write beside the source later, so it is compiled here.
RUN python -m compileall -q src

FROM python:${PYTHON}-slim-bookworm
LABEL org.opencontainers.image.title="Gatehouse" \
      org.opencontainers.image.description="Accounts backend: sign-up, log-in, sessions, roles and users over REST" \
      org.opencontainers.image.licenses="MIT"
ENV PATH=/opt/gatehouse/.venv/bin:${PATH} \
    PYTHONPATH=/opt/gatehouse/src \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    HOST=0.0.0.0 \
    INSTANCE_DIR=/var/lib/gatehouse
WORKDIR /opt/gatehouse
# The only place that it writes to besides /tmp and /dev/shm. A new volume takes over its owner.
RUN install -d -m 700 -o 10001 -g 10001 /var/lib/gatehouse
COPY --from=build /opt/gatehouse/.venv .venv
COPY --from=build /opt/gatehouse/src src
COPY migrations migrations
COPY gunicorn.conf.py wsgi.py ./
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8000') + '/health', timeout=2)"]
CMD ["gunicorn"]

#!/bin/sh
# Makes once what compose.yaml needs: random secrets in secrets/, and .env with the name of the site.
#   sh deploy/secrets.sh accounts.example.org
# What is there already stays.
set -eu

site=${1:-}
case $site in
    '' | *[!A-Za-z0-9.-]* | [.-]* | *[.-])
        echo 'usage: sh deploy/secrets.sh NAME, the host name by which people reach it' >&2
        exit 2
        ;;
esac
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets

# keep NAME COMMAND: what the command prints becomes secrets/NAME, unless that is there.
# A container has users of its own, so everybody may read the file; but on this machine nobody
# else gets into the directory.
keep() {
    name=$1
    shift
    [ ! -s "secrets/$name" ] || return 0
    "$@" > "secrets/$name.new"
    chmod 444 "secrets/$name.new"
    mv "secrets/$name.new" "secrets/$name"
}
fernet_key() { openssl rand -base64 32 | tr +/ -_; }
database_url() { echo "postgresql://gatehouse:$(cat secrets/postgres_password)@db/gatehouse"; }
redis_conf() { echo "requirepass $(openssl rand -hex 24)"; }
redis_url() { echo "redis://:$(cut -d' ' -f2 secrets/redis.conf)@redis:6379/0"; }

keep secret_key openssl rand -hex 32
keep data_keys fernet_key
keep metrics_token openssl rand -hex 32
keep postgres_password openssl rand -hex 24
keep database_url database_url
keep redis.conf redis_conf
keep redis_url redis_url
keep smtp_password true

# A certificate to try it with: browsers warn of it. Put the real one in its place.
if [ ! -s secrets/accounts.key ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 \
        -subj "/CN=$site" -addext "subjectAltName=DNS:$site" \
        -keyout secrets/accounts.key.new -out secrets/accounts.pem 2> /dev/null
    chmod 444 secrets/accounts.key.new secrets/accounts.pem
    mv secrets/accounts.key.new secrets/accounts.key
fi

if [ ! -e .env ]; then
    cat > .env <<END
SITE=$site
MAIL_FROM="Gatehouse <no-reply@$site>"

# The mail catcher: it sends nothing, and shows at http://127.0.0.1:8025 what it was given.
# For real mail these four lines go, and SMTP_HOST, SMTP_USER and
# SMTP_PASSWORD_FILE=/run/secrets/smtp_password come.
COMPOSE_PROFILES=catcher
SMTP_HOST=mail
SMTP_PORT=1025
SMTP_TLS=none
END
elif ! grep -q '^SITE=' .env; then
    echo ".env is there and does not name the site: add SITE=$site, MAIL_FROM and SMTP_HOST" >&2
    exit 1
fi
echo "secrets/ and .env are ready. Back up secrets/secret_key and secrets/data_keys, apart from the database."

#!/bin/sh
# Server mode by whichever compose command is there. usage: compose.sh up|down
set -eu
cd -P "$(dirname "$0")/.."

compose() {
    if docker compose version >/dev/null 2>&1; then
        docker compose "$@"
    elif command -v podman-compose >/dev/null; then
        podman-compose "$@"
    else
        echo "huisheng: neither 'docker compose' nor podman-compose is here; install one, then try again" >&2
        exit 1
    fi
}

make_password() { # NAME
    grep -qs "^$1=" .env && return
    password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && echo "$1=$password" >>.env)
    echo "huisheng: wrote a new $1 to .env" >&2
}

# What `huisheng init` writes; readable for the user inside the containers.
make_config() {
    cp -R runtime/defaults config && chmod -R a+rX config
    echo "huisheng: wrote config/ to start from; edit config/sources.toml and config/units.toml" >&2
}

case ${1:-} in
up)
    [ "${CLICKHOUSE_PASSWORD:-}" ] || make_password CLICKHOUSE_PASSWORD
    for name in GRAFANA_PASSWORD GRAFANA_READER_PASSWORD; do make_password "$name"; done
    [ -d config ] || make_config
    compose build dashboard
    compose up --detach
    echo "huisheng: the page will be on http://127.0.0.1:${HUISHENG_PORT:-8000}"
    ;;
down) compose down ;;
*) echo "usage: compose.sh up|down" >&2 && exit 2 ;;
esac

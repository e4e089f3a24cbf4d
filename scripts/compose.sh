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

# Letters and digits only, because the password also stands in a URL.
make_password() {
    password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && echo "CLICKHOUSE_PASSWORD=$password" >>.env)
    echo "huisheng: wrote a new CLICKHOUSE_PASSWORD to .env" >&2
}

# What `huisheng init` writes; readable for the user inside the containers.
make_config() {
    cp -R runtime/defaults config && chmod -R a+rX config
    echo "huisheng: wrote config/ to start from; edit config/sources.toml and config/units.toml" >&2
}

case ${1:-} in
up)
    [ "${CLICKHOUSE_PASSWORD:-}" ] || grep -qs '^CLICKHOUSE_PASSWORD=' .env || make_password
    [ -d config ] || make_config
    compose up --build --detach
    echo "huisheng: the page will be on http://127.0.0.1:8000"
    ;;
down) compose down ;;
*) echo "usage: compose.sh up|down" >&2 && exit 2 ;;
esac

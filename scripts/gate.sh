#!/bin/sh
# Everything a change must pass. usage: gate.sh [all|fast]
set -eu
cd -P "$(dirname "$0")/.."
scripts/install.sh dev

step() {
    echo "== $*"
    "$@"
}

PATH="$PWD/.venv/bin:$PATH"
step ruff check .
step ruff format --check .
step mypy .
step lint-imports --no-logo
case ${1:-all} in
all) step pytest -n 4 --dist loadgroup --benchmark-disable ;;
fast) step pytest -n 4 --dist loadgroup --benchmark-disable -m "not (kafka or clickhouse or browser or compose)" ;;
*) echo "gate.sh: unknown choice '$1'; use all or fast" >&2 && exit 2 ;;
esac

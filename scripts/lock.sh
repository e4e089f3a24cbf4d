#!/bin/sh
# Make the three lock files anew from pyproject.toml. Needs uv.
set -eu
cd -P "$(dirname "$0")/.."

lock() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-annotate --no-header --output-file "$@"
}

python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' |
    lock requirements-build.lock -
lock requirements.lock pyproject.toml
lock requirements-dev.lock --extra dev pyproject.toml

#!/bin/sh
# Run what stands in bench/ and print its tables.
set -eu
cd -P "$(dirname "$0")/.."
scripts/install.sh dev
exec .venv/bin/python -m pytest bench --benchmark-only "$@"

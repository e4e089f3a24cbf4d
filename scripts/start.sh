#!/bin/sh
# Install if need be, then become `huisheng` with the given arguments.
set -eu
cd -P "$(dirname "$0")/.."
scripts/install.sh run
exec .venv/bin/huisheng "$@"

#!/bin/sh
# The kill test in its long form; its seed is printed. usage:
# [KILLS=60] [POSTS=20000] [KILL_SECONDS=300] [SEED=drawn] kill.sh (make hands its own arguments on)
set -eu
cd -P "$(dirname "$0")/.."
scripts/install.sh dev
export KILL_TEST_KILLS="${KILLS:-60}" KILL_TEST_POSTS="${POSTS:-20000}"
export KILL_TEST_SECONDS="${KILL_SECONDS:-300}" KILL_TEST_SEED="${SEED:-}"
exec .venv/bin/python -m pytest -q tests/kill "$@"

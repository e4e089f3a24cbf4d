#!/bin/sh
# Bring docker-compose.yml up for real and take it down again. usage: test-compose.sh [pytest options]
set -eu
cd -P "$(dirname "$0")/.."
scripts/install.sh dev

command -v podman >/dev/null || {
    echo "huisheng: podman is missing; install podman, buildah and runc (and mmdebstrap where no image registry can be reached)" >&2
    exit 1
}
exec .venv/bin/python -m pytest -m compose tests/compose "$@"

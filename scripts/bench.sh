#!/bin/sh
# Measure speed and memory, each beside a named baseline; takes about a quarter of an hour.
# usage: bench.sh [tags|tagging|segmenting|keywords|logs|stores|chain|memory ...]
set -eu
cd -P "$(dirname "$0")/.."
scripts/install.sh dev

for part in ${*:-tags tagging segmenting keywords logs stores chain memory}; do
    case $part in
    tags) .venv/bin/python -m pytest bench --benchmark-only -q ;;
    tagging | segmenting | keywords | logs | stores | chain | memory) .venv/bin/python -m "bench.$part" ;;
    *) echo "bench.sh: unknown part '$part'; see its first lines" >&2 && exit 2 ;;
    esac
done

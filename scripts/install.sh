#!/bin/sh
# Make .venv hold what the lock files name, and the command `huisheng`; return at once when it does.
# usage: install.sh [run|dev]
set -eu
cd -P "$(dirname "$0")/.."
kind=${1:-run}
case $kind in
run) lock=requirements.lock ;;
dev) lock=requirements-dev.lock ;;
*) echo "install.sh: unknown kind '$kind'; use run or dev" >&2 && exit 2 ;;
esac
stamp=.venv/.huisheng
uv=$(command -v uv || :)

stop() {
    echo "huisheng: $1" >&2
    exit 1
}

# Every version for which all locked packages have wheels.
supported() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null
}

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if supported "$name"; then
            echo "$name"
            return
        fi
    done
    found=$(python3 --version 2>/dev/null || echo "no python3")
    remedy="sudo apt install python3-venv (macOS: brew install python@3.13)"
    case $found in Python*) remedy="sudo apt install python3.11-venv (macOS: brew install python@3.13)" ;; esac
    stop "needs Python 3.11 to 3.14 and found $found; run: $remedy, then this command again"
}

make_venv() {
    if [ "$uv" ]; then
        uv venv --quiet --clear --python '>=3.11,<3.15' .venv
        return
    fi
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        stop "$python comes without its venv module; run: sudo apt install $python-venv, then this command again"
    "$python" -m venv --clear .venv
}

# A checkout that was moved or copied has a .venv whose scripts point to the old place.
venv_usable() {
    grep -qF "$PWD/.venv" .venv/bin/activate 2>/dev/null && supported .venv/bin/python || return 1
    [ "$uv" ] || .venv/bin/python -m pip --version >/dev/null 2>&1
}

add() {
    if [ "$uv" ]; then
        uv pip install --quiet --python .venv/bin/python "$@"
    else
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --use-pep517 "$@"
    fi
}

wanted=$(cat requirements-build.lock requirements.lock requirements-dev.lock pyproject.toml | cksum)
if venv_usable; then
    case $(cat "$stamp" 2>/dev/null) in
    "$kind $wanted" | "dev $wanted") exit 0 ;;
    esac
else
    make_venv
fi
rm -f "$stamp"
echo "huisheng: installing into .venv; the first time takes a minute or two (about 350 MB)" >&2
add --require-hashes -r requirements-build.lock
add --require-hashes --no-build-isolation -r "$lock"
add --no-deps --no-build-isolation --editable .
echo "$kind $wanted" >"$stamp"

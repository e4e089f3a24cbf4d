"""Prometheus's own checker, from Debian's package `prometheus`; without it CI fails."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_MISSING = "PROMETHEUS FILES ARE NOT TESTED: promtool is not on PATH; install Debian's prometheus"


def promtool(*arguments: str | Path, text: bytes = b"") -> str:
    """What it prints; fails the test when it finds anything wrong."""
    program = shutil.which("promtool")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(_MISSING)
        pytest.skip(_MISSING)
    command = [program, *map(str, arguments)]
    done = subprocess.run(command, input=text, capture_output=True, timeout=60, check=False)
    told = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, told
    return told

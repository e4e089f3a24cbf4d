"""Engines are downloaded once into a cache outside the checkout, by one process at a time."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

DOWNLOAD_SECONDS = 600


class EngineMissing(Exception):
    """This machine can't have the engine: what is missing and how to get it."""


def cache_folder() -> Path:
    chosen = os.environ.get("HUISHENG_ENGINE_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "huisheng" / "engines"


def downloaded(name: str, fill: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache; `fill` is called with a new folder when there is none yet."""
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / name
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            # Renamed at the end: what an interrupted download left is never taken for an engine.
            folder = Path(tempfile.mkdtemp(dir=cache, prefix=f"{name}-"))
            try:
                fill(folder)
                folder.rename(target)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    return target


def find_program(name: str, remedy: str) -> str:
    path = shutil.which(name)
    if path is None:
        message = f"the program {name!r} is not on PATH; {remedy}"
        raise EngineMissing(message)
    return path


def run_download(command: Sequence[str], folder: Path) -> None:
    """Raises EngineMissing with the end of the program's output when it fails."""
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        message = f"{' '.join(command)}: not done after {DOWNLOAD_SECONDS} s; check the network"
        raise EngineMissing(message) from error
    if done.returncode:
        found = (done.stdout + done.stderr)[-800:]
        message = f"{' '.join(command)}: exit {done.returncode}; check the network: {found}"
        raise EngineMissing(message)

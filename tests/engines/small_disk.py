"""A real file system of a few megabytes, to be filled; needs the right to mount one."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, left: int) -> None:
        """Until only `left` bytes are free."""
        with self._ballast.open("wb") as file:
            file.write(b"\0" * max(shutil.disk_usage(self.folder).free - left, 0))

    def make_room(self) -> None:
        self._ballast.unlink(missing_ok=True)

    @property
    def is_full(self) -> bool:
        return self._ballast.exists()

    def forbid_writing(self) -> None:
        _run("mount", "-o", "remount,ro", str(self.folder))


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    folder.mkdir()
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"A FULL DISK IS NOT TESTED: no file system can be mounted here: {error}")
    try:
        yield SmallDisk(folder)
    finally:
        # Lazily: a test that failed may have left files open on it.
        _run("umount", "--lazy", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)

"""One process a data folder: a lock while it lives, and a file that tells others how to ask it."""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from runtime.errors import ConfigError


@dataclass(frozen=True)
class RunFile:
    """`token` is the page's; `sql_token` the password of the SQL endpoint, at `sql_port` if any.

    The file is readable by its owner alone.
    """

    pid: int
    host: str
    port: int
    token: str
    sql_port: int = 0
    sql_token: str = ""


class DataFolder:
    """Holds the folder until closed; the lock goes with the process, even by kill -9."""

    def __init__(self, folder: Path) -> None:
        """Raises ConfigError when another process holds it, or it can't be written."""
        self.folder = folder
        try:
            # What lies there needs no token: other users of the machine are kept out.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _locked(folder)
        except OSError as error:
            message = f"data.dir: {folder} can't be written ({error.strerror}); set another folder"
            raise ConfigError(message) from error
        if self._lock is None:
            raise ConfigError(_in_use(folder))

    def announce(self, host: str, port: int, token: str, sql: tuple[int, str] = (0, "")) -> None:
        """`sql`: port and token of the SQL endpoint."""
        run = RunFile(os.getpid(), host, port, token, *sql)
        target = self.folder / "run.json"
        fresh = self.folder / f"run.{run.pid}.json"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(run), file)
        fresh.replace(target)

    def close(self) -> None:
        (self.folder / "run.json").unlink(missing_ok=True)
        if self._lock:
            self._lock.close()


def url_of(host: str, port: int) -> str:
    """Where a server that listens on `host` is reached from this machine."""
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{own}]:{port}" if ":" in own else f"http://{own}:{port}"


def running(folder: Path) -> RunFile | None:
    """The process that holds `folder` now, if there is one and it has announced itself."""
    path = folder / "run.json"
    if not path.exists():
        return None
    lock = _locked(folder)
    if lock is not None:
        lock.close()
        return None
    return RunFile(**json.loads(path.read_text("utf-8")))


def _locked(folder: Path) -> IO[str] | None:
    file = (folder / "lock").open("a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _in_use(folder: Path) -> str:
    path = folder / "run.json"
    holder = f"process {json.loads(path.read_text('utf-8'))['pid']}" if path.exists() else "another"
    return (
        f"data.dir: {folder} is in use by {holder}; stop that one, or set another data.dir "
        "(HUISHENG_DATA__DIR)"
    )

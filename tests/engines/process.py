"""One server process on loopback: started, waited for without guessing, killed, started again."""

import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from runtime.clock import stopwatch

_PAUSE_SECONDS = 0.05


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until(ready: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = stopwatch() + seconds
    pause = threading.Event()
    while not ready():
        if stopwatch() > deadline:
            message = f"{what}: not so after {seconds} s"
            raise TimeoutError(message)
        pause.wait(_PAUSE_SECONDS)


class ServerProcess:
    """Its output goes to `log`; it dies with this process, however that ends."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        with_parent = shutil.which("setpriv")
        prefix = [with_parent, "--pdeathsig", "KILL"] if with_parent else []
        self._command = [*prefix, *command]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, ready: Callable[[], bool], seconds: float) -> None:
        with self._log.open("ab") as log, ExitStack() as undo:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
            undo.callback(self.kill)
            wait_until(lambda: self._alive() and ready(), self._command[-1], seconds)
            undo.pop_all()

    def kill(self) -> None:
        """kill -9, and the end of it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def send(self, number: signal.Signals) -> None:
        """SIGSTOP makes a server hang: its port is open, and nobody answers; SIGCONT ends that."""
        if self._process is not None:
            self._process.send_signal(number)

    def _alive(self) -> bool:
        if self._process is None or self._process.poll() is None:
            return True
        end = self._log.read_text(errors="replace")[-2000:]
        message = f"{self._command[-1]}: ended with {self._process.returncode}: {end}"
        raise RuntimeError(message)

"""A whole huisheng process in a folder of its own, started, asked and killed as a test likes."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engines.process import free_port

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 90.0


class Running:
    def __init__(self, folder: Path, data: str, *arguments: str) -> None:
        self.folder, self.data, self.arguments = folder, folder / data, arguments
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HUISHENG_PAGE__PORT": str(self.port),
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "monitor", *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command beside the running one."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )

    def start(self) -> None:
        with (self.folder / "out.txt").open("ab") as out:
            self.process = subprocess.Popen(
                self.command(*self.arguments),
                cwd=self.folder,
                env=self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            pytest.fail(f"did not stop within 30 s:\n{self.told()[-6000:]}")

    def told(self) -> str:
        return (self.folder / "out.txt").read_text("utf-8")

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as reply:
            body: bytes = reply.read()
        return body

    def sql(self, statement: str) -> list[list[object]]:
        """Asks the running process over its own endpoint; no rows while it is not up."""
        try:
            run = json.loads((self.data / "run.json").read_text("utf-8"))
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.port}/sql",
                json.dumps({"sql": statement, "format": "JSON"}).encode(),
                {
                    "Authorization": f"Bearer {run['token']}",
                    "Content-Type": "application/json",
                },
            )
            with urllib.request.urlopen(request, timeout=10) as reply:
                return [list(row.values()) for row in json.loads(reply.read())["data"]]
        except (OSError, ValueError):
            return []

    def number(self, statement: str) -> int:
        """The one number of `statement`; -1 while there is no answer."""
        rows = self.sql(statement)
        return int(str(rows[0][0])) if rows else -1

    def wait_until(self, statement: str, least: int, most: int | None = None) -> int:
        """Asks until the number of `statement` is at least `least`, and at most `most` if given."""
        pause = threading.Event()
        number = -1
        for _ in range(int(PATIENCE_SECONDS / 0.25)):
            number = self.number(statement)
            if least <= number <= (number if most is None else most):
                return number
            pause.wait(0.25)
        pytest.fail(f"{statement} gave {number}, not {least}, in time:\n{self.told()[-2000:]}")


@contextmanager
def running(folder: Path, data: str, *arguments: str) -> Iterator[Running]:
    found = Running(folder, data, *arguments)
    try:
        found.start()
        yield found
    finally:
        if found.process and found.process.poll() is None:
            found.process.kill()
            found.process.wait()

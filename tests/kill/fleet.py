"""Stages as processes and engines, brought back after each end as compose's restart policy does."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from runtime.clock import stopwatch
from tests.flow.running import ROOT

COMMANDS = {
    "collector": "collect",
    "analyzer": "analyze",
    "alerter": "alert",
    "dashboard": "dashboard",
}
RESTART_SECONDS = 1.0
STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.05
_TRIES = 3


class Engine(Protocol):
    def kill(self) -> None: ...

    def start(self) -> None: ...


class StageProcess:
    """One `huisheng` stage; `own_ends`: the exit codes of ends that no test asked for."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.name, self.folder = name, folder
        self.log = folder / f"{name}.log"
        self.own_ends: list[int] = []
        kind = name.rstrip("0123456789")
        # It dies with the test, however that ends.
        with_parent = shutil.which("setpriv")
        prefix = [with_parent, "--pdeathsig", "KILL"] if with_parent else []
        self.command = [*prefix, sys.executable, "-m", "monitor", COMMANDS[kind]]
        own = {"PYTHONPATH": str(ROOT), "HUISHENG_DATA__DIR": str(folder / "data" / name)}
        self.environment = {**os.environ, **own, **environment}
        self.process: subprocess.Popen[bytes] | None = None
        self._restart_at = 0.0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )

    def tend(self) -> None:
        """Start it again a little after it ended."""
        if self.alive:
            return
        if self.process is not None:
            self._note_end(self.process.wait())
        elif stopwatch() >= self._restart_at:
            self.start()

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        if self.process is not None:
            self._note_end(self.process.wait())

    def send(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def _note_end(self, code: int) -> None:
        if code != -signal.SIGKILL:
            self.own_ends.append(code)
        self.process = None
        self._restart_at = stopwatch() + RESTART_SECONDS


class Mended:
    """An engine that comes back after a kill, from a thread of its own: that takes seconds."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # The thread must outlive the engine: a process may die with the thread that started it.
        self._thread = ThreadPoolExecutor(1)
        self._coming: Future[None] | None = None

    @property
    def alive(self) -> bool:
        return self._coming is None or (self._coming.done() and self._coming.result() is None)

    def kill(self) -> None:
        self.engine.kill()
        self._coming = self._thread.submit(self._start)

    def _start(self) -> None:
        """Tried again: on a busy machine a broker may take longer than its start is waited for."""
        for _ in range(_TRIES - 1):
            with suppress(TimeoutError):
                self.engine.start()
                return
        self.engine.start()

    def close(self) -> None:
        """The engine itself is stopped by who started it, before the thread ends."""
        if self._coming is not None:
            with suppress(RuntimeError, TimeoutError):
                self._coming.result()
        self.engine.kill()
        self._thread.shutdown()


class Fleet:
    """Used by one thread, which lends its time to `until`."""

    def __init__(self, stages: Mapping[str, StageProcess], engines: Mapping[str, Mended]) -> None:
        self.stages, self.engines = dict(stages), dict(engines)
        self._paused: list[tuple[float, subprocess.Popen[bytes]]] = []

    def start(self) -> None:
        for stage in self.stages.values():
            stage.start()

    def is_up(self, name: str) -> bool:
        return self.stages[name].alive if name in self.stages else self.engines[name].alive

    def kill(self, name: str) -> None:
        (self.stages.get(name) or self.engines[name]).kill()

    def pause(self, name: str, seconds: float) -> None:
        stage = self.stages[name]
        if stage.process is not None:
            stage.send(signal.SIGSTOP)
            self._paused.append((stopwatch() + seconds, stage.process))

    def until(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Bring back what has ended, until `ready()`; False if that takes longer than `seconds`."""
        deadline = stopwatch() + seconds
        while not ready():
            if stopwatch() > deadline:
                return False
            for stage in self.stages.values():
                stage.tend()
            self._go_on()
            threading.Event().wait(_LOOK_SECONDS)
        return True

    def stop(self) -> dict[str, int]:
        """SIGTERM to all stages; the exit code of each, -9 for one that took too long."""
        self._go_on(at_once=True)
        for stage in self.stages.values():
            stage.send(signal.SIGTERM)
        deadline = stopwatch() + STOP_SECONDS
        return {name: _end(stage, deadline) for name, stage in self.stages.items()}

    def close(self) -> None:
        for stage in self.stages.values():
            stage.kill()
        for engine in self.engines.values():
            engine.close()

    def _go_on(self, *, at_once: bool = False) -> None:
        now = stopwatch()
        for due, process in self._paused:
            if at_once or due <= now:
                process.send_signal(signal.SIGCONT)
        self._paused = [] if at_once else [each for each in self._paused if each[0] > now]


def _end(stage: StageProcess, deadline: float) -> int:
    if stage.process is None:
        return 0
    with suppress(subprocess.TimeoutExpired):
        stage.process.wait(max(deadline - stopwatch(), 0.01))
    code = stage.process.poll()
    if code is None:
        stage.process.kill()
        code = stage.process.wait()
    stage.process = None
    return code

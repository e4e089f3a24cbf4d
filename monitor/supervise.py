"""Runs the stages of a process as threads: restarts what fails, stops all on a signal.

A stage that meets a flood of dead letters or a config it can't use is not restarted: that would
only repeat the damage. Its problem stays on the status page.
"""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from bus.consume import DeadLetterFlood
from runtime.clock import stopwatch
from runtime.errors import ConfigError
from runtime.health import HealthBoard
from runtime.logs import logger

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
# From the signal: stages have finished their work in hand, then the process is gone.
STOP_SECONDS = 7.5
LATEST_SECONDS = 9.0
WAKE_SECONDS = 0.25


@dataclass(frozen=True)
class Stage:
    name: str
    run: Callable[[threading.Event], None]


class Supervisor:
    def __init__(self, board: HealthBoard, *, alone: bool = False) -> None:
        """`alone`: there is one stage, so that a config that it can't use ends the process."""
        self.board = board
        self.stop = threading.Event()
        self.log = logger("supervise")
        self._alone = alone
        self._refused: ConfigError | None = None
        self._threads: list[threading.Thread] = []

    def start(self, stages: list[Stage]) -> None:
        for stage in stages:
            self.board.expect(stage.name)
            thread = threading.Thread(target=self._keep_running, args=(stage,), name=stage.name)
            thread.start()
            self._threads.append(thread)

    def catch_signals(self) -> None:
        """SIGTERM and SIGINT stop the stages; what they were doing is finished first."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())

    def wait(self) -> None:
        """Block until a signal, or a call of `stop.set`; from then on the process ends in time.

        In short waits: a signal that the kernel gives to one of the engine's threads does not wake
        this one, and Python runs handlers nowhere else.
        """
        while not self.stop.wait(WAKE_SECONDS):
            pass
        last_call = threading.Timer(LATEST_SECONDS - WAKE_SECONDS, self.leave)
        last_call.daemon = True
        last_call.start()

    def leave(self) -> None:
        """Nothing stored is lost by this: every stage stands a kill at any moment."""
        self.log.error("did not stop in time, and is left", threads=_stacks())
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(1)

    def join(self) -> bool:
        """Stop all stages; whether all ended in time. Raises what ended a stage that is alone."""
        self.stop.set()
        deadline = stopwatch() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(deadline - stopwatch(), 0))
        late = [thread.name for thread in self._threads if thread.is_alive()]
        if late:
            self.log.error("stages did not stop in time", stages=late, seconds=STOP_SECONDS)
        if self._refused:
            raise self._refused
        return not late

    def _keep_running(self, stage: Stage) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self.stop.is_set():
            try:
                stage.run(self.stop)
            except (DeadLetterFlood, ConfigError) as error:
                self._give_up(stage, error)
                return
            except Exception as error:
                self.log.exception("stage failed and is restarted", failed=stage.name)
                self.board.trouble(stage.name, f"{type(error).__name__}: {error}; see the log")
                self.board.restarted(stage.name)
            else:
                return
            self.stop.wait(pause)
            self.board.trouble(stage.name, "")
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _give_up(self, stage: Stage, error: Exception) -> None:
        self.log.error("stage stopped", stopped=stage.name, problem=str(error))
        self.board.stopped(stage.name, str(error))
        if self._alone and isinstance(error, ConfigError):
            self._refused = error
            self.stop.set()


def _stacks() -> dict[str, list[str]]:
    """What each thread does, the innermost call last."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return {
        names.get(ident, str(ident)): [_place(call) for call in traceback.extract_stack(frame)]
        for ident, frame in sys._current_frames().items()
    }


def _place(call: traceback.FrameSummary) -> str:
    path = PurePath(call.filename)
    return f"{path.parent.name}/{path.name}:{call.lineno} {call.name}"

"""How each stage of the process is doing, as its own work loop tells it, and what to make of it."""

import os
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from runtime.clock import Clock, SystemClock

# One process among others: each log line and each answer about a stage names it.
INSTANCE = f"{socket.gethostname()}-{os.getpid()}"
STALE_SECONDS = 120


@dataclass(frozen=True)
class Lag:
    """Messages of a partition that are not yet handled."""

    stream: str
    partition: int
    messages: int


@dataclass(frozen=True)
class StageHealth:
    """`ok_at`: when its loop last went round well; `beat_at`: at all, also to wait for an engine.

    `problem`: finding and remedy, empty if none; `notice`: what went wrong without holding it up,
    such as a message set aside, or that it stands by; `lags`: of each partition that is this
    process's; `standing_by`: another process does the work; `stopped`: it gave up, and a restart
    would repeat the damage; `dead`: messages set aside since the process started.
    """

    stage: str
    ok_at: datetime | None = None
    problem: str = ""
    notice: str = ""
    restarts: int = 0
    lags: tuple[Lag, ...] = ()
    beat_at: datetime | None = None
    standing_by: bool = False
    stopped: bool = False
    dead: int = 0
    instance: str = INSTANCE

    @property
    def lag(self) -> int:
        return sum(each.messages for each in self.lags)


@dataclass(frozen=True)
class Verdict:
    """`live`: its loop goes round; `finding`: why it is not ready, with the remedy, else empty."""

    health: StageHealth
    live: bool
    finding: str


class HealthBoard:
    """Where the stages of one process post how they are; thread-safe."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._stages: dict[str, StageHealth] = {}
        self._probes: dict[str, Callable[[], StageHealth]] = {}
        self._lock = threading.Lock()

    def expect(self, stage: str) -> None:
        """The stage is about to start: from now on it is missed."""
        self._post(stage, beat_at=self._clock.now())

    def ok(self, stage: str, at: datetime, lags: tuple[Lag, ...] = ()) -> None:
        self._post(stage, ok_at=at, beat_at=at, problem="", notice="", lags=lags, standing_by=False)

    def trouble(self, stage: str, problem: str) -> None:
        self._post(stage, problem=problem, beat_at=self._clock.now())

    def standing_by(self, stage: str, at: datetime, notice: str) -> None:
        """Its loop goes round, and another process does the work."""
        self._post(stage, ok_at=at, beat_at=at, problem="", notice=notice, standing_by=True)

    def restarted(self, stage: str) -> None:
        self._post(stage, restarts=self._get(stage).restarts + 1)

    def stopped(self, stage: str, problem: str) -> None:
        self._post(stage, problem=f"stopped: {problem}", stopped=True)

    def watch(self, stage: str, probe: Callable[[], StageHealth]) -> None:
        """Ask `probe` how the stage is doing, instead of being told; restarts are still told."""
        with self._lock:
            self._probes[stage] = probe

    def stages(self) -> list[StageHealth]:
        with self._lock:
            told = dict(self._stages)
            probes = dict(self._probes)
        for name, probe in probes.items():
            told[name] = _merge(probe(), told.get(name))
        return [told[name] for name in sorted(told)]

    def _get(self, stage: str) -> StageHealth:
        return self._stages.get(stage, StageHealth(stage))

    def _post(self, stage: str, **changes: object) -> None:
        with self._lock:
            self._stages[stage] = replace(self._get(stage), **changes)  # type: ignore[arg-type]


def _merge(probed: StageHealth, told: StageHealth | None) -> StageHealth:
    """What was told of a stage that stopped outlives what its loop last said."""
    beats = [probed.beat_at, probed.ok_at, told.beat_at if told else None]
    beat_at = max((beat for beat in beats if beat), default=None)
    if told is None:
        return replace(probed, beat_at=beat_at)
    return replace(
        probed,
        beat_at=beat_at,
        restarts=told.restarts,
        problem=probed.problem or told.problem,
        stopped=told.stopped,
    )


def is_live(stage: StageHealth, at: datetime, stale_after: timedelta) -> bool:
    """Whether its loop has gone round lately. One that gave up is left alone: see `stopped`."""
    return stage.stopped or stage.beat_at is None or at - stage.beat_at <= stale_after


def judge(stages: Iterable[StageHealth], at: datetime, stale_after: timedelta) -> list[Verdict]:
    """`stale_after`: how long a loop may take for one round, by the clock that tells `at`."""
    return [
        Verdict(stage, is_live(stage, at, stale_after), _finding(stage, at, stale_after))
        for stage in stages
    ]


def _finding(stage: StageHealth, at: datetime, stale_after: timedelta) -> str:
    if not is_live(stage, at, stale_after):
        told = f"; it last told: {stage.problem}" if stage.problem else ""
        return f"hangs since {when(stage.beat_at)}{told}; see its log, and restart the process"
    if stage.problem:
        return f"{stage.problem} (last ok {when(stage.ok_at)})"
    if stage.ok_at is None:
        return "is starting and has not gone round yet; wait, and see its log if this lasts"
    if at - stage.ok_at > stale_after:
        return f"has not gone round well since {when(stage.ok_at)}; see its log"
    return ""


def when(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else "never"

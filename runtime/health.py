"""How each stage of the process is doing, as its own work loop tells it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True)
class Lag:
    """Messages of a partition that are not yet handled."""

    stream: str
    partition: int
    messages: int


@dataclass(frozen=True)
class StageHealth:
    """`ok_at`: when its loop last went round well; `problem`: finding and remedy, empty if none;
    `notice`: what went wrong without holding it up, such as a message set aside, or that it stands
    by; `lags`: of each partition that is this process's.
    """

    stage: str
    ok_at: datetime | None = None
    problem: str = ""
    notice: str = ""
    restarts: int = 0
    lags: tuple[Lag, ...] = ()

    @property
    def lag(self) -> int:
        return sum(each.messages for each in self.lags)


class HealthBoard:
    """Where the stages of one process post how they are; thread-safe."""

    def __init__(self) -> None:
        self._stages: dict[str, StageHealth] = {}
        self._probes: dict[str, Callable[[], StageHealth]] = {}
        self._lock = threading.Lock()

    def ok(self, stage: str, at: datetime, lags: tuple[Lag, ...] = ()) -> None:
        self._post(stage, ok_at=at, problem="", lags=lags)

    def trouble(self, stage: str, problem: str) -> None:
        self._post(stage, problem=problem)

    def restarted(self, stage: str) -> None:
        self._post(stage, restarts=self._get(stage).restarts + 1)

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
    if told is None:
        return probed
    problem = probed.problem or told.problem
    return replace(probed, restarts=told.restarts, problem=problem)

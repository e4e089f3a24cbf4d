"""How each stage of the process is doing, as its own work loop tells it."""

import threading
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True)
class StageHealth:
    """`ok_at`: when its loop last went round well; `problem`: finding and remedy, empty if none."""

    stage: str
    ok_at: datetime | None = None
    problem: str = ""
    restarts: int = 0
    lag: int = 0


class HealthBoard:
    """Where the stages of one process post how they are; thread-safe."""

    def __init__(self) -> None:
        self._stages: dict[str, StageHealth] = {}
        self._lock = threading.Lock()

    def ok(self, stage: str, at: datetime, lag: int = 0) -> None:
        self._post(stage, ok_at=at, problem="", lag=lag)

    def trouble(self, stage: str, problem: str) -> None:
        self._post(stage, problem=problem)

    def restarted(self, stage: str) -> None:
        self._post(stage, restarts=self._get(stage).restarts + 1)

    def stages(self) -> list[StageHealth]:
        with self._lock:
            return [self._stages[name] for name in sorted(self._stages)]

    def _get(self, stage: str) -> StageHealth:
        return self._stages.get(stage, StageHealth(stage))

    def _post(self, stage: str, **changes: object) -> None:
        with self._lock:
            self._stages[stage] = replace(self._get(stage), **changes)  # type: ignore[arg-type]

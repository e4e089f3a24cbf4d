"""The answers to /healthz, /readyz, /metrics and /health.json, from what the stages told.

Served by the page (embedded, dashboard) and by monitor/probes.py (each stage of server mode).
"""

import threading
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from runtime.clock import Clock
from runtime.health import STALE_SECONDS, HealthBoard, StageHealth, Verdict, judge
from runtime.metrics import Metrics

PATHS = ("/healthz", "/readyz", "/metrics", "/health.json")
STOPPING = "the process is stopping; ask another one, or start it again"


@dataclass(frozen=True)
class Answer:
    code: int
    media: str
    body: bytes


@dataclass(frozen=True)
class Probes:
    """`stop` is set once the process is to end; `stale_after` is by `clock`."""

    board: HealthBoard
    metrics: Metrics
    clock: Clock
    stop: threading.Event
    stale_after: timedelta = timedelta(seconds=STALE_SECONDS)

    def answer(self, path: str) -> Answer | None:
        """None for a path that is none of PATHS."""
        verdicts = judge(self.board.stages(), self.clock.now(), self.stale_after)
        if path == "/healthz":
            return _lines([_line(verdict) for verdict in verdicts if not verdict.live])
        if path == "/readyz":
            return _lines(self._not_ready(verdicts))
        if path == "/metrics":
            media = "text/plain; version=0.0.4; charset=utf-8"
            return Answer(200, media, self.metrics.render(verdicts))
        if path == "/health.json":
            stages = [verdict.health for verdict in verdicts]
            return Answer(200, "application/json", msgspec.json.encode(stages))
        return None

    def _not_ready(self, verdicts: list[Verdict]) -> list[str]:
        if self.stop.is_set():
            return [STOPPING]
        return [_line(verdict) for verdict in verdicts if verdict.finding]


def read_health(body: bytes) -> list[StageHealth]:
    """What /health.json answered; raises msgspec.DecodeError for anything else."""
    return msgspec.json.decode(body, type=list[StageHealth])


def _line(verdict: Verdict) -> str:
    return f"{verdict.health.stage}: {verdict.finding}"


def _lines(findings: list[str]) -> Answer:
    text = "\n".join(findings) if findings else "ok"
    return Answer(503 if findings else 200, "text/plain; charset=utf-8", f"{text}\n".encode())

"""Several alerters over one store in one process, one step at a time, as a seed decides.

Each may be frozen before any statement or send and wake up much later, be killed there, or lose
the answer to a statement; and each is told at random that it leads.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from alerting.outbox import Outbox
from alerting.wording import Notice
from alerting.worker import Alerter, AlerterParts
from runtime.clock import ManualClock
from runtime.config import Config
from runtime.errors import RetryLater
from runtime.health import HealthBoard
from runtime.metrics import Metrics
from schemas.matters import DeliveryOutcome
from schemas.windows import WindowRules
from storage.store import Params, Row, Store
from storage.windows import SqlWindows

Answer = TypeVar("Answer")
PATIENCE_SECONDS = 30.0


class Killed(Exception):
    """All that the alerter held in memory is gone."""


@dataclass
class Chaos:
    """What the seed decides. Nothing goes wrong any more once it is `over`."""

    random: Random
    over: bool = False

    def happens(self, chance: float) -> bool:
        return not self.over and self.random.random() < chance


class SkewedClock(ManualClock):
    """The clock of another machine: some seconds beside the true one."""

    def __init__(self, true: ManualClock, skew: timedelta) -> None:
        super().__init__(true.now())
        self.true, self.skew = true, skew

    def now(self) -> datetime:
        return self.true.now() + self.skew


class SteppedStore(Store):
    """Gives the turn back before each statement; some answers are lost, some never sent."""

    def __init__(self, dsn: str, pause: Callable[[], None], chaos: Chaos) -> None:
        super().__init__(dsn)
        self.pause, self.chaos = pause, chaos

    def rows(self, sql: str, params: Params | None = None, limits: object = None) -> list[Row]:
        return self._stepped(lambda: super(SteppedStore, self).rows(sql, params))

    def command(self, sql: str, params: Params | None = None) -> None:
        self._stepped(lambda: super(SteppedStore, self).command(sql, params))

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        self._stepped(lambda: super(SteppedStore, self).insert(table, columns, rows))

    def _stepped(self, do: Callable[[], Answer]) -> Answer:
        self.pause()
        if self.chaos.happens(0.005):
            message = "the store is away"
            raise RetryLater(message)
        answer = do()
        if self.chaos.happens(0.005):
            message = "the store went away before it answered"
            raise RetryLater(message)
        return answer


@dataclass
class Town:
    """What all alerters of a test share."""

    dsn: str
    config: Config
    clock: ManualClock
    chaos: Chaos
    told: list[str] = field(default_factory=list)


class Process:
    """An alerter on a thread of its own that runs only between `step` and its next pause."""

    def __init__(self, town: Town, skew: timedelta) -> None:
        self.town, self.name = town, "office"
        self.leads = False
        self.ended = False
        self.rounds = 0
        self._clock = SkewedClock(town.clock, skew)
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def step(self) -> None:
        self._go.release()
        assert self._back.acquire(timeout=PATIENCE_SECONDS)

    def end(self) -> None:
        self.ended = True
        self._go.release()
        self._thread.join(PATIENCE_SECONDS)

    def holds(self) -> bool:
        self._pause()
        if self.town.chaos.happens(0.1):
            self.leads = self.town.chaos.happens(0.5)
        return self.leads

    def send(self, notice: Notice) -> tuple[DeliveryOutcome, str]:
        self._pause()
        if self.town.chaos.happens(0.1):
            return DeliveryOutcome.FAILED, "refused"
        self.town.told.append(notice.event.id)
        self._pause()
        return DeliveryOutcome.SENT, ""

    def _pause(self) -> None:
        self._back.release()
        self._go.acquire()
        if self.ended or self.town.chaos.happens(0.005):
            raise Killed

    def _run(self) -> None:
        self._go.acquire()
        store = SteppedStore(self.town.dsn, self._pause, self.town.chaos)
        while not self.ended:
            alerter = self._alerter(store)
            try:
                while True:
                    self._round(alerter)
            except Killed:
                continue
        store.close()

    def _round(self, alerter: Alerter) -> None:
        self._pause()
        try:
            alerter.run_once()
            self.rounds += 1
        except RetryLater:
            return

    def _alerter(self, store: Store) -> Alerter:
        return Alerter(
            AlerterParts(
                config=self.town.config,
                store=store,
                leadership=self,
                windows=SqlWindows(store, WindowRules(3, ())),
                outbox=Outbox(store, [self], {}, self._clock),
                clock=self._clock,
                board=HealthBoard(),
                metrics=Metrics(),
            )
        )

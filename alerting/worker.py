"""The alerter: once a minute it counts, decides, writes events, and sends what is pending.

The only writer of events, matters and hourly counts. On any failure it forgets what it holds in
memory and starts again from the store.
"""

import threading
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting.outbox import Outbox
from alerting.pipeline import Change, follow
from alerting.tiers import Levels, Moment
from runtime.clock import Clock
from runtime.config import Config
from runtime.errors import RetryLater
from runtime.health import HealthBoard
from runtime.logs import logger
from runtime.metrics import Metrics
from schemas.matters import TIER_NAMES, Action, Matter, MatterKey, Tier
from schemas.windows import DAY, EMPTY, WindowProvider
from storage.counts import freeze, recount
from storage.matters import actions_of, insert_events, load_matters, save_matters
from storage.polls import coverage
from storage.posts import drop_before
from storage.store import Store

STAGE = "alert"
MINUTE = timedelta(minutes=1)
RETENTION_PAUSE = timedelta(hours=1)


@dataclass(frozen=True)
class AlerterParts:
    config: Config
    store: Store
    windows: WindowProvider
    outbox: Outbox
    clock: Clock
    board: HealthBoard
    metrics: Metrics


class Alerter:
    def __init__(self, parts: AlerterParts) -> None:
        self.parts = parts
        self.levels = Levels(parts.config.alerts, parts.config.periods)
        self.log = logger(STAGE)
        self._matters: dict[MatterKey, Matter] | None = None
        self._ticked: datetime | None = None
        self._retained: datetime | None = None

    def run(self, stop: threading.Event, pause_seconds: float = 15) -> None:
        """Until `stop`; a store that is away is waited for and told once."""
        while not stop.is_set():
            try:
                self.run_once()
            except RetryLater as error:
                self._matters = None
                self.parts.board.trouble(STAGE, str(error))
            self.parts.clock.wait(stop, pause_seconds)

    def run_once(self) -> list[Change]:
        """One round: a tick if a new minute has begun, the counts, the outbox, the retention."""
        now = self.parts.clock.now()
        at = now.replace(second=0, microsecond=0)
        changes = self.tick(at) if at != self._ticked else []
        recount(self.parts.store)
        for delivery in self.parts.outbox.deliver():
            self.parts.metrics.deliveries.labels(delivery.outcome.value).inc()
        self._retain(now)
        self.parts.board.ok(STAGE, now)
        return changes

    def tick(self, at: datetime) -> list[Change]:
        """Decide on every matter as of the whole minute `at`; events are written before matters."""
        store = self.parts.store
        matters = self._load(at)
        counts = self.parts.windows.counts(at)
        watched = coverage(store, self.parts.config.sources, at, DAY)
        keys = set(counts) | {key for key, matter in matters.items() if matter.open}
        moments = [Moment(key, at, counts.get(key, EMPTY), watched) for key in keys]
        changes = follow(matters, moments, self._actions(matters), self.levels)
        told = [(change.event, change.matter) for change in changes if change.event]
        insert_events(store, told)
        save_matters(store, [change.matter for change in changes])
        matters.update((change.matter.key, change.matter) for change in changes)
        self._ticked = at
        self._tell(changes, watched)
        return changes

    def _load(self, at: datetime) -> dict[MatterKey, Matter]:
        """Open matters and those that may re-open; of two on one key, the later."""
        if self._matters is None:
            days = self.levels.rules.closing.reopen_days
            found = load_matters(self.parts.store, at - timedelta(days=days))
            found.sort(key=lambda matter: matter.opened_at)
            self._matters = {matter.key: matter for matter in found}
        return self._matters

    def _actions(self, matters: dict[MatterKey, Matter]) -> dict[str, list[Action]]:
        found: dict[str, list[Action]] = defaultdict(list)
        ids = [matter.id for matter in matters.values() if matter.open]
        for action in actions_of(self.parts.store, ids) if ids else ():
            found[action.matter_id].append(action)
        return found

    def _retain(self, now: datetime) -> None:
        """Texts go after the retention; their hours are counted for the last time before."""
        if self._retained and now - self._retained < RETENTION_PAUSE:
            return
        days = self.parts.config.settings.data.retention_days
        before = (now - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
        freeze(self.parts.store, before)
        dropped = drop_before(self.parts.store, before)
        self._retained = now
        if dropped:
            self.log.info("texts deleted after the retention", posts=dropped, before=str(before))

    def _tell(self, changes: list[Change], watched: float) -> None:
        metrics = self.parts.metrics
        metrics.coverage.set(watched)
        for tier in Tier:
            open_now = sum(m.open and m.tier is tier for m in (self._matters or {}).values())
            metrics.open_matters.labels(TIER_NAMES[tier]).set(open_now)
        for change in changes:
            if change.event:
                metrics.events.labels(change.event.kind.value).inc()

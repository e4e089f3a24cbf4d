"""The alerter: once a minute it counts, decides, writes events, and sends what is pending.

The only writer of events, matters and hourly counts. Of several alerters one leads: it takes a
term, and on any failure forgets what it holds in memory and starts again with a new one.
"""

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting.leadership import Leadership
from alerting.outbox import Outbox
from alerting.pipeline import Change, follow
from alerting.tiers import Levels, Moment
from runtime.clock import Clock
from runtime.config import Config
from runtime.errors import RetryLater
from runtime.health import HealthBoard
from runtime.logs import Outage, logger
from runtime.metrics import Metrics
from schemas.matters import Action, Matter, MatterKey, Tier
from schemas.windows import DAY, EMPTY
from storage.counts import EPOCH, freeze, mark, recount, set_mark, store_time
from storage.leadership import Deposed, Lead, take_lead
from storage.matter_windows import MatterWindow, save_windows
from storage.matters import actions_of, insert_events, load_matters, save_matters
from storage.polls import coverage
from storage.posts import drop_before
from storage.store import Store
from storage.windows import SqlWindows

STAGE = "alert"
MINUTE = timedelta(minutes=1)
RETENTION_PAUSE = timedelta(hours=1)
# The last minute that was decided, by whichever alerter; a clock that is further behind it than
# machines differ was set back.
DECIDED = "decided"
# The store's time at the last decision whose events are written. Danger that came in after it has
# warned nobody, however long nobody decided.
HEARD = "heard"
BEHIND = timedelta(minutes=10)


@dataclass(frozen=True)
class AlerterParts:
    config: Config
    store: Store
    leadership: Leadership
    windows: SqlWindows
    outbox: Outbox
    clock: Clock
    board: HealthBoard
    metrics: Metrics


@dataclass
class _Term:
    """What is true as long as this alerter leads without a break."""

    lead: Lead
    matters: dict[MatterKey, Matter]
    decided: datetime
    heard: datetime


class Alerter:
    def __init__(self, parts: AlerterParts) -> None:
        self.parts = parts
        self.levels = Levels(parts.config.alerts, parts.config.periods)
        self.log = logger(STAGE)
        self._term: _Term | None = None
        self._retained: datetime | None = None

    def run(self, stop: threading.Event, pause_seconds: float = 15) -> None:
        """Until `stop`; a store or a lead that is away is waited for and told once."""
        outage = Outage(self.log)
        while not stop.is_set():
            try:
                self.run_once()
                outage.back()
            except Deposed as error:
                self._stand_by(str(error))
            except RetryLater as error:
                self.parts.board.trouble(STAGE, str(error))
                outage.away(str(error))
            # One that waits for the lead asks for it more often.
            self.parts.clock.wait(stop, pause_seconds if self._term else pause_seconds / 8)

    def run_once(self) -> list[Change]:
        """One round: a tick if a new minute has begun, the counts, the outbox, the retention."""
        term, self._term = self._term, None  # kept by a round that goes well, and by no other
        if not self.parts.leadership.holds():
            self._stand_by("stands by: another alerter leads")
            self._look_for_decisions()
            return []
        term = term or self._take()
        # Read within the term: before it, another may decide on later minutes during a pause.
        now = self.parts.clock.now()
        changes = self._tick(term, now)
        with self.parts.metrics.query_seconds.labels("recount").time():
            recount(term.lead)
        self._deliver(term)
        self._retain(term, now)
        self._term = term
        self._tell_health(term, now)
        return changes

    def _take(self) -> _Term:
        """A new term, with what the store holds once nobody else can write it."""
        lead = take_lead(self.parts.store)
        self.parts.outbox.begin(lead)
        days = self.levels.rules.closing.reopen_days
        found = load_matters(lead, self.parts.clock.now() - timedelta(days=days))
        # Open matters and those that may re-open; of two on one key, the later.
        found.sort(key=lambda matter: matter.opened_at)
        self.parts.metrics.terms.inc()
        self.log.info("leads", term=lead.number, matters=len(found))
        heard = mark(lead, HEARD)
        if heard == EPOCH:
            heard = store_time(lead)
            set_mark(lead, HEARD, heard)
        matters = {matter.key: matter for matter in found}
        return _Term(lead, matters, mark(lead, DECIDED), heard)

    def _stand_by(self, notice: str) -> None:
        self.parts.metrics.open_matters.clear()
        self.parts.board.standing_by(STAGE, self.parts.clock.now(), notice)

    def _look_for_decisions(self) -> None:
        """What holds the lead may be no alerter at all, or one that does nothing."""
        decided = mark(self.parts.store, DECIDED)
        if EPOCH < decided < self.parts.clock.now() - BEHIND:
            problem = (
                f"stands by, and nobody has decided since {decided:%Y-%m-%d %H:%M} UTC; look at "
                "the alerter that leads, and for other programs in the alerters' Kafka group"
            )
            self.parts.board.trouble(STAGE, problem)

    def _tick(self, term: _Term, now: datetime) -> list[Change]:
        """Decide once on every matter as of the whole minute; events are written before matters.

        The minute is taken before it is decided: one that a crash cuts off is left out, so that no
        two alerters, whose clocks may differ, decide on the same one.
        """
        at = now.replace(second=0, microsecond=0)
        if timedelta() <= term.decided - at <= BEHIND:
            return []
        if at < term.decided:
            self.log.warning("the clock was set back", now=str(at), decided=str(term.decided))
        set_mark(term.lead, DECIDED, at)
        term.decided = at
        with self.parts.metrics.query_seconds.labels("windows").time():
            begun = store_time(term.lead)
            # If the store's clock went back, what it stored meanwhile is not known.
            heard = term.heard - BEHIND if term.heard <= begun else EPOCH
            counts = self.parts.windows.counts(at, heard)
        watched = coverage(self.parts.store, self.parts.config.sources, at, DAY)
        keys = set(counts) | {key for key, matter in term.matters.items() if matter.open}
        moments = [Moment(key, at, counts.get(key, EMPTY), watched) for key in keys]
        changes = follow(term.matters, moments, self._actions(term.matters), self.levels)
        told = [(change.event, change.matter) for change in changes if change.event]
        insert_events(term.lead, told)
        save_matters(term.lead, [change.matter for change in changes])
        set_mark(term.lead, HEARD, begun)
        term.heard = begun
        term.matters.update((change.matter.key, change.matter) for change in changes)
        standing = (matter_window(term.matters, moment) for moment in moments)
        save_windows(term.lead, [found for found in standing if found])
        self._tell(term, changes, watched)
        return changes

    def _deliver(self, term: _Term) -> None:
        def prove() -> None:
            if not self.parts.leadership.holds():
                message = "stands by: another alerter leads, and sends what is pending"
                raise Deposed(message)
            term.lead.prove()

        for delivery in self.parts.outbox.deliver(prove):
            outcome = delivery.outcome.value
            self.parts.metrics.deliveries.labels(outcome).inc()
            told = {"event_id": delivery.event_id, "channel": delivery.channel}
            self.log.info("delivery", result=outcome, detail=delivery.detail, **told)
        self.parts.metrics.pending.set(self.parts.outbox.pending)

    def _actions(self, matters: dict[MatterKey, Matter]) -> dict[str, list[Action]]:
        found: dict[str, list[Action]] = defaultdict(list)
        ids = [matter.id for matter in matters.values() if matter.open]
        for action in actions_of(self.parts.store, ids) if ids else ():
            found[action.matter_id].append(action)
        return found

    def _retain(self, term: _Term, now: datetime) -> None:
        """Texts go after the retention; their hours are counted for the last time before."""
        if self._retained and abs(now - self._retained) < RETENTION_PAUSE:
            return
        days = self.parts.config.settings.data.retention_days
        before = (now - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
        freeze(term.lead, before)
        # Once an hour, whatever comes of it: a deletion that was not answered in time goes on in
        # the store, and asking again each round would put one upon the other.
        self._retained = now
        dropped = drop_before(self.parts.store, before)
        if dropped:
            self.log.info("texts deleted after the retention", posts=dropped, before=str(before))

    def _tell(self, term: _Term, changes: list[Change], watched: float) -> None:
        metrics = self.parts.metrics
        metrics.coverage.set(watched)
        for tier in Tier:
            open_now = sum(m.open and m.tier is tier for m in term.matters.values())
            metrics.open_matters.labels(str(tier.value)).set(open_now)
        for event in (change.event for change in changes if change.event):
            metrics.events.labels(event.kind.value).inc()
            told = {"kind": event.kind.value, "tier": event.tier.value}
            self.log.info("matter changed", matter=event.matter_id, event_id=event.id, **told)

    def _tell_health(self, term: _Term, now: datetime) -> None:
        behind = term.decided - now
        if behind > MINUTE:
            problem = (
                f"the clock is {behind // MINUTE} min behind the minute that was decided last, "
                f"{term.decided:%Y-%m-%d %H:%M} UTC; nothing is decided until it has come up to it"
                ": set the clock by NTP"
            )
            self.parts.board.trouble(STAGE, problem)
        else:
            self.parts.board.ok(STAGE, now)


def matter_window(matters: Mapping[MatterKey, Matter], moment: Moment) -> MatterWindow | None:
    """What the page shows of an open matter: the numbers of this minute."""
    matter, counts = matters.get(moment.key), moment.counts
    if matter is None or not matter.open:
        return None
    window = counts.window(moment.coverage)
    return MatterWindow(matter.id, moment.at, counts.volume, counts.growing, window)

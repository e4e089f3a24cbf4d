"""Moves public posts from their sites to the bus: fetch, parse, compare, publish, remember.

Started by monitor. A kill between any two steps repeats work and loses nothing; see holdings.py.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bus.log import ENGAGEMENT, POLLS, POSTS, Entry, NotMine
from collectors.answers import Ask, Fetcher
from collectors.asking import Asking, Until
from collectors.feeds import parse_feed
from collectors.holdings import Holdings, Step
from collectors.items import NotAFeed, Origin
from collectors.polled import Polled, poll_record, state_after
from collectors.schedule import one_per_host
from collectors.sightings import View, match_posts
from collectors.state import SourceState
from runtime.clock import Clock, stopwatch
from runtime.config import Settings, Source
from runtime.errors import RetryLater
from runtime.health import StageHealth
from runtime.logs import Outage, logger
from schemas.codec import Message, encode
from schemas.posts import PollOutcome

STAGE = "collect"
_PAUSE_WITHOUT_BUS = 5.0


@dataclass(frozen=True)
class Parts:
    """What a collector is made of; monitor/wiring puts it together."""

    settings: Settings
    holdings: Holdings
    clock: Clock
    fetcher: Fetcher


@dataclass(frozen=True)
class SourceHealth:
    """How the last poll of a source went, and when it is asked again."""

    source: str
    polled_at: datetime | None
    outcome: PollOutcome | None
    failures: float
    next_check: datetime | None
    message: str


class Collector:
    """`run_once` and `run` belong to one thread; `health` may be asked from any."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.retention = timedelta(days=parts.settings.data.retention_days)
        self._undelivered: list[Polled] = []
        self._stage = StageHealth(STAGE)
        self._lines = logger(STAGE)
        self._outage = Outage(self._lines)
        self._mine: dict[str, Source] = {}
        self._states: dict[str, SourceState] = {}
        self._health: dict[str, SourceHealth] = {}
        self._renew_by = 0.0

    def health(self) -> tuple[SourceHealth, ...]:
        """Of the sources that are this collector's."""
        return tuple(self._health.values())

    def stage_health(self) -> StageHealth:
        """When polls were last told or none was due, and what holds the collector up since."""
        return self._stage

    def run(self, stop: threading.Event) -> None:
        """Poll until `stop` is set. While the bus is away nothing new is fetched."""
        while not stop.is_set():
            try:
                self.run_once(stop.is_set)
                self._went_well()
                pause = self._until_next()
            except RetryLater as error:
                self._held_up(str(error))
                pause = _PAUSE_WITHOUT_BUS
            self.parts.clock.wait(stop, pause)

    def run_once(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """Poll every source that is due; returns how many. Raises RetryLater while the bus is away.

        What was fetched by then is kept and published first next time, so no site is asked twice.
        """
        self._renew()
        self._deliver()
        waiting, polled = self._due(), 0
        while waiting and not stopped():
            together, later = one_per_host(waiting)
            left = self._poll(together, stopped)
            polled += len(together) - len(left)
            if not stopped():
                self._renew()
            waiting = [each for each in (*left, *later) if each.id in self._mine]
        return polled

    def _renew(self) -> None:
        """Take up the sources that are ours since, and let go of those that are not.

        Never while a site is asked: the answer would be told by two.
        """
        holdings = self.parts.holdings
        if holdings.renew(self.parts.clock.now() - self.retention):
            self._hold()
        self._renew_by = stopwatch() + holdings.busy_seconds

    def _hold(self) -> None:
        """What was fetched of a source that was dealt to another is dropped: that one asks."""
        state, told = self.parts.holdings.state, self._health
        self._mine = {source.id: source for source in self.parts.holdings.mine}
        self._states = {each.id: state.source(each.id, each.url) for each in self._mine.values()}
        self._health = {id: told.get(id, _health(each)) for id, each in self._states.items()}
        self._undelivered = [each for each in self._undelivered if self._goes_on(each)]

    def _goes_on(self, polled: Polled) -> bool:
        """Whether the source is still ours, and has not been polled by another meanwhile."""
        return self._states.get(polled.source.id) == polled.before

    def _due(self) -> list[Source]:
        now = self.parts.clock.now()
        checks = [(self._next_check(each, now), each) for each in self._mine.values()]
        due = [(moment, source) for moment, source in checks if moment <= now]
        return [source for _, source in sorted(due, key=lambda each: each[0])]

    def _next_check(self, source: Source, now: datetime) -> datetime:
        """At once if the clock was put back since the last poll: it would wait for so long more."""
        state, told = self._states[source.id], self._health[source.id]
        if any(at and at > now for at in (state.listed_at, told.polled_at)):
            return now
        return state.next_check or now

    def _until_next(self) -> float:
        now = self.parts.clock.now()
        left = [
            (state.next_check - now).total_seconds() if state.next_check else 0.0
            for state in self._states.values()
        ]
        return max(0.0, min([*left, self.parts.holdings.idle_seconds]))

    def _poll(self, sources: Sequence[Source], stopped: Callable[[], bool]) -> list[Source]:
        """All at once, each published as it comes: a slow site does not hold up the others.

        Returns those that were not asked, because of a stop or because the next renewal is due.
        """
        away: RetryLater | None = None
        until = Until(stopped, lambda: stopwatch() > self._renew_by)
        asking = Asking([(each, self._states[each.id]) for each in sources], self._ask, until)
        for polled in asking.answers():
            if self._goes_on(polled):
                self._undelivered.append(polled)
            away = away or self._try_to_deliver()
        if away:
            raise away
        return [source for source, _ in asking.waiting]

    def _try_to_deliver(self) -> RetryLater | None:
        """The failure is handed back, so that what else comes in is kept before it is raised."""
        try:
            self._deliver()
        except RetryLater as error:
            return error
        return None

    def _ask(self, asked: tuple[Source, SourceState]) -> Polled:
        source, state = asked
        answer = self.parts.fetcher.fetch(Ask(source.url, state.etag, state.last_modified))
        at = self.parts.clock.now()
        if answer.outcome is not PollOutcome.OK:
            return Polled(source, state, at, answer, None)
        try:
            origin = Origin(source.id, source.kind, answer.url, answer.charset)
            return Polled(source, state, at, answer, parse_feed(answer.body, origin))
        except NotAFeed as error:
            refused = replace(answer, outcome=PollOutcome.NOT_A_FEED, message=str(error))
            return Polled(source, state, at, refused, None)

    def _deliver(self) -> None:
        while self._undelivered:
            try:
                self._publish(self._undelivered[0])
                del self._undelivered[0]
                # A round may take long: many sources may be on one host.
                self._went_well()
            except NotMine as error:
                self._lines.info("dealt to another", found=str(error))
                self._hold()
                self._renew_by = 0.0
                self._stage = replace(self._stage, beat_at=self.parts.clock.now())

    def _publish(self, polled: Polled) -> None:
        source, state = polled.source, polled.before
        posts = polled.feed.posts if polled.feed else ()
        known = self.parts.holdings.state.sightings(source.id, [post.id for post in posts])
        oldest = polled.at - self.retention
        found = match_posts(
            posts, known, View(source.url, polled.at, oldest, state.first_poll_done)
        )
        step = Step(
            before=state,
            after=state_after(polled, state),
            first=found.first,
            listed=found.listed if polled.answer.outcome is PollOutcome.OK else None,
            sent={
                POSTS: _entries(source, found.changed),
                ENGAGEMENT: _entries(source, found.engagement),
                POLLS: _entries(source, [poll_record(polled, found)]),
            },
            retention=self.retention,
        )
        self.parts.holdings.publish(step)
        self._states[source.id] = step.after
        if found.changed:
            self._lines.info("published", source=source.id, posts=len(found.changed))
        self._tell(self._health[source.id], _health(step.after, polled))

    def _tell(self, before: SourceHealth, after: SourceHealth) -> None:
        """A line when a source begins to fail, fails otherwise, or is back; not one a poll."""
        self._health[after.source] = after
        if after.message and after.message != before.message:
            told = {"outcome": str(after.outcome), "message": after.message}
            self._lines.warning("source", source=after.source, **told)
        elif before.message and not after.message:
            self._lines.info("source is back", source=after.source)

    def _went_well(self) -> None:
        self._outage.back()
        now, notice = self.parts.clock.now(), self.parts.holdings.notice
        standing_by = bool(notice) and not self._mine
        self._stage = StageHealth(STAGE, now, beat_at=now, notice=notice, standing_by=standing_by)

    def _held_up(self, problem: str) -> None:
        self._outage.away(problem)
        self._stage = replace(self._stage, problem=problem, beat_at=self.parts.clock.now())


def _entries(source: Source, messages: Sequence[Message]) -> list[Entry]:
    return [Entry(source.id, encode(message)) for message in messages]


def _health(state: SourceState, polled: Polled | None = None) -> SourceHealth:
    return SourceHealth(
        source=state.id,
        polled_at=polled.at if polled else None,
        outcome=polled.answer.outcome if polled else None,
        failures=state.failures,
        next_check=state.next_check,
        message=polled.message if polled else "",
    )

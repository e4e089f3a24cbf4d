"""Moves public posts from their sites to the bus: fetch, parse, note, publish, save, in this order.

Started by monitor. A kill between any two steps repeats work and loses nothing; see `_publish`.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bus.log import ENGAGEMENT, POLLS, POSTS, Entry, Log
from collectors.answers import Answer, Ask, Fetcher
from collectors.feeds import parse_feed
from collectors.items import NotAFeed, Origin, ParsedFeed
from collectors.schedule import failure_weight, next_check, one_per_host
from collectors.sightings import Found, View, match_posts
from collectors.state import SourceState, State
from runtime.clock import Clock
from runtime.config import Settings, Source
from runtime.errors import RetryLater
from runtime.health import StageHealth
from runtime.logs import logger
from schemas.codec import encode
from schemas.posts import Poll, PollOutcome

STAGE = "collect"
_AT_ONCE = 8
_LONGEST_PAUSE = 30.0
_PAUSE_WITHOUT_BUS = 5.0


@dataclass(frozen=True)
class Parts:
    """What a collector is made of; monitor/wiring puts it together."""

    settings: Settings
    sources: tuple[Source, ...]
    log: Log
    clock: Clock
    state: State
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


@dataclass(frozen=True)
class Polled:
    """A source's answer, read but not yet published."""

    source: Source
    at: datetime
    answer: Answer
    feed: ParsedFeed | None


class Collector:
    """`run_once` and `run` belong to one thread; `health` may be asked from any."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.retention = timedelta(days=parts.settings.data.retention_days)
        self._undelivered: list[Polled] = []
        self._stage = StageHealth(STAGE)
        self._lines = logger(STAGE)
        states = [parts.state.source(source.id, source.url) for source in parts.sources]
        self._states = {state.id: state for state in states}
        self._health = {state.id: _health(state) for state in states}
        oldest = parts.clock.now() - self.retention
        parts.state.forget_removed(self._states, oldest)

    def health(self) -> tuple[SourceHealth, ...]:
        return tuple(self._health.values())

    def stage_health(self) -> StageHealth:
        """When the last round of polls went well, and what holds the collector up since."""
        return self._stage

    def run(self, stop: threading.Event) -> None:
        """Poll until `stop` is set. While the bus is away nothing new is fetched."""
        while not stop.is_set():
            try:
                self.run_once(stop.is_set)
                self._stage = StageHealth(STAGE, self.parts.clock.now())
                pause = self._until_next()
            except RetryLater as error:
                self._stage = replace(self._stage, problem=str(error))
                pause = _PAUSE_WITHOUT_BUS
            self.parts.clock.wait(stop, pause)

    def run_once(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """Poll every source that is due; returns how many. Raises RetryLater while the bus is away.

        What was fetched by then is kept and published first next time, so no site is asked twice.
        """
        self._deliver()
        waiting = self._due()
        polled = len(waiting)
        while waiting and not stopped():
            together, waiting = one_per_host(waiting)
            self._poll(together, stopped)
        return polled - len(waiting)

    def _due(self) -> list[Source]:
        now = self.parts.clock.now()
        states = [
            (self._states[source.id].next_check or now, source) for source in self.parts.sources
        ]
        due = [(moment, source) for moment, source in states if moment <= now]
        return [source for _, source in sorted(due, key=lambda each: each[0])]

    def _until_next(self) -> float:
        now = self.parts.clock.now()
        left = [
            (state.next_check - now).total_seconds() if state.next_check else 0.0
            for state in self._states.values()
        ]
        return max(0.0, min([*left, _LONGEST_PAUSE]))

    def _poll(self, sources: Sequence[Source], stopped: Callable[[], bool]) -> None:
        """All at once, each published as it comes: a slow site does not hold up the others."""
        away: RetryLater | None = None
        with ThreadPoolExecutor(min(_AT_ONCE, len(sources)), "collect") as pool:
            asked = [pool.submit(self._ask, source) for source in sources]
            for done in as_completed(asked):
                if stopped():
                    pool.shutdown(wait=False, cancel_futures=True)
                if done.cancelled():
                    continue
                self._undelivered.append(done.result())
                away = away or self._try_to_deliver()
        if away:
            raise away

    def _try_to_deliver(self) -> RetryLater | None:
        """The failure is handed back, so that what else comes in is kept before it is raised."""
        try:
            self._deliver()
        except RetryLater as error:
            return error
        return None

    def _ask(self, source: Source) -> Polled:
        state = self._states[source.id]
        answer = self.parts.fetcher.fetch(Ask(source.url, state.etag, state.last_modified))
        at = self.parts.clock.now()
        if answer.outcome is not PollOutcome.OK:
            return Polled(source, at, answer, None)
        try:
            origin = Origin(source.id, source.kind, answer.url, answer.charset)
            return Polled(source, at, answer, parse_feed(answer.body, origin))
        except NotAFeed as error:
            refused = replace(answer, outcome=PollOutcome.NOT_A_FEED, message=str(error))
            return Polled(source, at, refused, None)

    def _deliver(self) -> None:
        while self._undelivered:
            self._publish(self._undelivered[0])
            del self._undelivered[0]

    def _publish(self, polled: Polled) -> None:
        """First the time that a post counts at, durably; then the post; then that it was published.

        Killed after the first step, the next run publishes with the same time; killed after the
        second, it publishes the same again, which the store counts once.
        """
        source, state = polled.source, self._states[polled.source.id]
        posts = polled.feed.posts if polled.feed else ()
        known = self.parts.state.sightings(source.id, [post.id for post in posts])
        oldest = polled.at - self.retention
        found = match_posts(
            posts, known, View(source.url, polled.at, oldest, state.first_poll_done)
        )
        self.parts.state.remember(source.id, found.first)
        self._send(POSTS, source, [encode(post) for post in found.changed])
        self._send(ENGAGEMENT, source, [encode(numbers) for numbers in found.engagement])
        self._send(POLLS, source, [encode(_record(polled, found))])
        after = _after(polled, state)
        listed = None if polled.answer.outcome is PollOutcome.NOT_MODIFIED else found.listed
        self.parts.state.save(state, after, listed)
        self.parts.state.forget(after, self.retention)
        self._states[source.id] = after
        self._tell(self._health[source.id], _health(after, polled))

    def _tell(self, before: SourceHealth, after: SourceHealth) -> None:
        """A line when a source begins to fail, fails otherwise, or is back; not one a poll."""
        self._health[after.source] = after
        if after.message and after.message != before.message:
            told = {"outcome": str(after.outcome), "message": after.message}
            self._lines.warning("source", source=after.source, **told)
        elif before.message and not after.message:
            self._lines.info("source is back", source=after.source)

    def _send(self, stream: str, source: Source, messages: Sequence[bytes]) -> None:
        if messages:
            self.parts.log.publish(stream, [Entry(source.id, message) for message in messages])


def _record(polled: Polled, found: Found) -> Poll:
    answer, feed = polled.answer, polled.feed
    return Poll(
        source=polled.source.id,
        at=polled.at,
        outcome=answer.outcome,
        status=answer.status,
        listed=len(feed.posts) if feed else 0,
        new=found.new,
        bytes=len(answer.body),
        message=_message(polled),
    )


def _after(polled: Polled, before: SourceState) -> SourceState:
    source, answer = polled.source, polled.answer
    weight = failure_weight(answer.outcome, answer.status)
    failures = before.failures + weight if weight else 0.0
    after = replace(
        before,
        failures=failures,
        next_check=next_check(source, polled.at, failures, answer.wait_seconds),
    )
    if answer.outcome is PollOutcome.NOT_MODIFIED:
        return replace(after, listed_at=polled.at)
    if answer.outcome is PollOutcome.OK:
        etag, last_modified = answer.etag, answer.last_modified
        known = replace(after, etag=etag, last_modified=last_modified, listed_at=polled.at)
        return replace(known, first_poll_done=True)
    return after


def _health(state: SourceState, polled: Polled | None = None) -> SourceHealth:
    return SourceHealth(
        source=state.id,
        polled_at=polled.at if polled else None,
        outcome=polled.answer.outcome if polled else None,
        failures=state.failures,
        next_check=state.next_check,
        message=_message(polled) if polled else "",
    )


def _message(polled: Polled) -> str:
    return polled.feed.warning if polled.feed else polled.answer.message

"""The analyzer: messages from the bus in, rows in the store out; committed once stored."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from analyzers.drift import tell_drift
from analyzers.reload import RuleWatch, mark
from bus.consume import Consumer, ConsumerHealth, Pace, Work
from bus.log import ENGAGEMENT, POLLS, POSTS, Log, Record
from runtime.clock import Clock
from runtime.config import Config
from runtime.errors import BadMessage
from runtime.health import HealthBoard, StageHealth
from runtime.metrics import Metrics
from schemas.codec import Message, decode
from schemas.posts import Engagement, Poll, RawPost
from storage.posts import insert_engagement, insert_polls, insert_posts
from storage.store import Store, StoreError

STAGE = "analyze"
M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class AnalyzerParts:
    config: Config
    log: Log
    store: Store
    clock: Clock
    board: HealthBoard
    metrics: Metrics


class Analyzer:
    def __init__(self, parts: AnalyzerParts) -> None:
        self.parts = parts
        self.rules = RuleWatch(parts.config, parts.clock, parts.metrics)
        self._marks = [self.rules.change()]
        streams = (POSTS, ENGAGEMENT, POLLS)
        took = parts.metrics.batch_seconds.observe
        work = Work(
            "analyzers", streams, self.read, self.store, self.set_aside, took, self.look_at_rules
        )
        pace = Pace(batch_size=parts.config.settings.analyze.batch_size)
        self.consumer = Consumer(parts.log, work, parts.clock, pace)
        parts.board.watch(STAGE, self.health)

    def run(self, stop: threading.Event) -> None:
        self.consumer.run(stop)

    def health(self) -> StageHealth:
        now = self.consumer.health
        return StageHealth(
            STAGE,
            now.last_ok_at,
            now.last_error or self.rules.problem or self.rules.tagger.problem,
            notice=_notice(now, self.rules.notice),
            lags=now.lags or (),
            beat_at=now.beat_at,
            dead=now.dead,
        )

    def look_at_rules(self) -> None:
        """Between batches: those of one batch are tagged alike."""
        if changed := self.rules.look():
            self._marks.append(changed)
        while self._marks:
            mark(self.parts.store, self._marks[0])
            del self._marks[0]

    def read(self, record: Record) -> Message:
        return decode(record.value)

    def set_aside(self, record: Record) -> None:
        self.parts.metrics.dead_letters.labels(record.stream).inc()

    def store(self, messages: Sequence[Message]) -> None:
        """Raises BadMessage when the store refuses what stands in some of them."""
        try:
            self._insert(messages)
        except StoreError as error:
            if not error.of_rows:
                raise
            reason = f"the store refuses its values: {error}"
            raise BadMessage(reason) from error

    def _insert(self, messages: Sequence[Message]) -> None:
        """Tag and insert; posts that are past the retention are not stored at all."""
        days = self.parts.config.settings.data.retention_days
        oldest = self.parts.clock.now() - timedelta(days=days)
        posts = [post for post in _only(messages, RawPost) if post.counted_at >= oldest]
        readings = [r for r in _only(messages, Engagement) if r.counted_at >= oldest]
        polls = _only(messages, Poll)
        tagged = self.rules.tagger.tagged_many(posts)
        with self.parts.metrics.query_seconds.labels("insert").time():
            insert_posts(self.parts.store, tagged)
            insert_engagement(self.parts.store, readings)
            insert_polls(self.parts.store, polls)
        self._measure(posts, polls)
        tell_drift(self.parts.metrics, tagged)
        for stream, stored in ((POSTS, posts), (ENGAGEMENT, readings), (POLLS, polls)):
            self.parts.metrics.stored.labels(stream).inc(len(stored))

    def _measure(self, posts: Sequence[RawPost], polls: Sequence[Poll]) -> None:
        metrics, now = self.parts.metrics, self.parts.clock.now()
        for post in posts:
            metrics.seen_to_stored_seconds.observe((now - post.seen_at).total_seconds())
        for poll in polls:
            metrics.polls.labels(poll.outcome.value).inc()


def _only(messages: Sequence[Message], kind: type[M]) -> list[M]:
    return [message for message in messages if isinstance(message, kind)]


def _notice(now: ConsumerHealth, rules: str) -> str:
    said = [rules] if rules else []
    if now.dead:
        said.append(f"{now.dead} messages set aside; last {now.last_dead}")
    if now.open_letters:
        said.append(f"{now.open_letters} dead letters open: see `huisheng dead-letters list`")
    return "; ".join(said)

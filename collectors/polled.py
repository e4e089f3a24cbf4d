"""What follows from one poll: how its source stands after it, and the record of it. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime

from collectors.answers import Answer
from collectors.items import ParsedFeed
from collectors.schedule import failure_weight, next_check
from collectors.sightings import Found
from collectors.state import SourceState
from runtime.config import Source
from schemas.posts import Poll, PollOutcome


@dataclass(frozen=True)
class Polled:
    """A source's answer, read but not yet published. `before`: how the source stood when asked."""

    source: Source
    before: SourceState
    at: datetime
    answer: Answer
    feed: ParsedFeed | None

    @property
    def message(self) -> str:
        return self.feed.warning if self.feed else self.answer.message


def poll_record(polled: Polled, found: Found) -> Poll:
    answer, feed = polled.answer, polled.feed
    return Poll(
        source=polled.source.id,
        at=polled.at,
        outcome=answer.outcome,
        status=answer.status,
        listed=len(feed.posts) if feed else 0,
        new=found.new,
        bytes=len(answer.body),
        message=polled.message,
    )


def state_after(polled: Polled, before: SourceState) -> SourceState:
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

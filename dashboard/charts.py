"""Hourly counts as a chart's points and as the sentence that says the same in words. Pure.

Where posts came to be tagged otherwise, a mark says so: a new rule is no new wave.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.facts import CHART
from dashboard.times import moment
from dashboard.words import Words
from schemas.corrections import TagChange

HOUR = timedelta(hours=1)
RECENT_HOURS = 6


@dataclass(frozen=True)
class Chart:
    """`points`: JSON [[hour, posts], …] for page.js; `rows`: the same for a table.

    `marks`: JSON [[hour, text], …], the hours from which on tags are others; `notes` says it.
    """

    points: str
    summary: str
    rows: tuple[tuple[str, int], ...]
    marks: str
    notes: tuple[str, ...]


def chart(
    hours: Mapping[datetime, int],
    at: datetime,
    words: Words,
    changes: Sequence[TagChange] = (),
) -> Chart:
    """The 72 hours up to the one that runs now; an hour without a count is zero."""
    last = _hour(at)
    shown = [last - HOUR * back for back in range(CHART // HOUR - 1, -1, -1)]
    rows = tuple((moment(hour), hours.get(hour, 0)) for hour in shown)
    seen = sorted({_hour(change.since) for change in changes} & set(shown))
    marks = [(moment(hour), words("rules_changed")) for hour in seen]
    return Chart(
        points=_json(rows),
        summary=_summary(rows, words),
        rows=rows,
        marks=_json(marks),
        notes=tuple(change_text(change, words) for change in changes),
    )


def change_text(change: TagChange, words: Words) -> str:
    """When the rules or the model changed, and from when on posts are tagged by them."""
    if not change.posts:
        return words("rules_changed_at", at=moment(change.at))
    return words(
        "rules_changed_since",
        at=moment(change.at),
        since=moment(change.since),
        posts=change.posts,
        changed=change.changed,
    )


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _json(pairs: Sequence[tuple[str, object]]) -> str:
    return json.dumps(pairs, separators=(",", ":"))


def _summary(rows: tuple[tuple[str, int], ...], words: Words) -> str:
    hour, peak = max(rows, key=lambda row: row[1])
    if not peak:
        return words("chart_empty")
    total = sum(posts for _, posts in rows)
    recent = sum(posts for _, posts in rows[-RECENT_HOURS:])
    return words("chart_summary", total=total, peak=peak, at=hour, recent=recent)

"""Hourly counts as a chart's points and as the sentence that says the same in words. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.facts import CHART
from dashboard.times import moment
from dashboard.words import Words

HOUR = timedelta(hours=1)
RECENT_HOURS = 6


@dataclass(frozen=True)
class Chart:
    """`points`: JSON [[hour, posts], …] for page.js; `rows`: the same for a table."""

    points: str
    summary: str
    rows: tuple[tuple[str, int], ...]


def chart(hours: Mapping[datetime, int], at: datetime, words: Words) -> Chart:
    """The 72 hours up to the one that runs now; an hour without a count is zero."""
    last = at.replace(minute=0, second=0, microsecond=0)
    shown = [last - HOUR * back for back in range(CHART // HOUR - 1, -1, -1)]
    rows = tuple((moment(hour), hours.get(hour, 0)) for hour in shown)
    return Chart(
        points=json.dumps(rows, separators=(",", ":")), summary=_summary(rows, words), rows=rows
    )


def _summary(rows: tuple[tuple[str, int], ...], words: Words) -> str:
    hour, peak = max(rows, key=lambda row: row[1])
    if not peak:
        return words("chart_empty")
    total = sum(posts for _, posts in rows)
    recent = sum(posts for _, posts in rows[-RECENT_HOURS:])
    return words("chart_summary", total=total, peak=peak, at=hour, recent=recent)

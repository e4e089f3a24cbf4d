"""What the collectors fetched: the health of each source, and how much of a window was watched."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from runtime.config import Source
from schemas.posts import COVERING, PollOutcome
from storage.store import Store

# A good poll covers the time since the one before it, but no more than two intervals of it.
COVERED = """
SELECT source, arraySum(gap -> least(gap, 2 * any(interval)), arrayDifference(
    arrayConcat([{since:Int64}], arraySort(groupUniqArray(moment)), [{until:Int64}])
))
FROM
(
    SELECT source, toUnixTimestamp64Milli(at) AS moment,
        transform(source, {sources:Array(String)}, {intervals:Array(Int64)}, 1) AS interval
    FROM polls
    WHERE moment > {since:Int64} AND moment <= {until:Int64}
        AND source IN {sources:Array(String)} AND outcome IN {covering:Array(String)}
)
GROUP BY source
"""
LAST = """
SELECT source, max(at) AS last, argMax((outcome, message), at),
    maxIf(at, outcome IN {covering:Array(String)})
FROM polls
WHERE at > {since:DateTime64(3)} AND at <= {until:DateTime64(3)}
GROUP BY source
"""


@dataclass(frozen=True)
class SourceHealth:
    """How a source's polls went: the last one, and the last that went well."""

    source: str
    last_at: datetime
    outcome: PollOutcome
    message: str
    good_at: datetime | None


def coverage(store: Store, sources: Sequence[Source], at: datetime, window: timedelta) -> float:
    """The share of (at - window, at] that good polls of the sources cover; 1 without sources.

    What was due comes from the configuration, so that a dead collector counts as not watching.
    """
    if not sources:
        return 1.0
    params = {
        "since": _milliseconds(at - window),
        "until": _milliseconds(at),
        "sources": [source.id for source in sources],
        "intervals": [int(source.interval_minutes * 60_000) for source in sources],
        "covering": [outcome.value for outcome in COVERING],
    }
    covered = sum(int(milliseconds) for _, milliseconds in store.rows(COVERED, params))
    return round(covered / (window / timedelta(milliseconds=1) * len(sources)), 4)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def health(store: Store, since: datetime, until: datetime) -> list[SourceHealth]:
    covering = [outcome.value for outcome in COVERING]
    return [
        SourceHealth(
            source, last, PollOutcome(outcome), message, good if good.year > 1970 else None
        )
        for source, last, (outcome, message), good in store.rows(
            LAST, {"since": since, "until": until, "covering": covering}
        )
    ]

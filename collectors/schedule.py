"""When each source is asked next, and which may be asked together. Pure; called by the worker."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from zlib import crc32

from runtime.config import Source
from schemas.posts import COVERING, PollOutcome

_DAY = 86_400.0
_LONGEST_IN_INTERVALS = 30
_JITTER_SHARE = 0.1
_SOFT = 0.5
_HARD = 1.0


def failure_weight(outcome: PollOutcome, status: int | None) -> float:
    """0 for a good poll; half for what tends to pass by itself."""
    if outcome in COVERING:
        return 0.0
    passing = status is not None and (status in (404, 429) or status >= 500)
    return _SOFT if passing or outcome is PollOutcome.TIMEOUT else _HARD


def next_check(source: Source, now: datetime, failures: float, wait_seconds: float) -> datetime:
    """After `failures` in a row (weighted) and the pause that the site asked for.

    Linear and capped, never given up: a surprising number of dead feeds come back.
    """
    interval = source.interval_minutes * 60
    longest = max(interval, min(_LONGEST_IN_INTERVALS * interval, _DAY))
    pause = min(interval * (1 + failures), longest)
    pause *= 1 + _JITTER_SHARE * _jitter(source.id)
    return now + timedelta(seconds=max(pause, min(wait_seconds, _DAY)))


def _jitter(source_id: str) -> float:
    """0 to 1, the same each time, so that sources added together drift apart."""
    return crc32(source_id.encode()) / 0xFFFFFFFF


def one_per_host(sources: Iterable[Source]) -> tuple[list[Source], list[Source]]:
    """The first source of each host, to be asked at once, and the others, which wait."""
    now: dict[str, Source] = {}
    later: list[Source] = []
    for source in sources:
        host = urlsplit(source.url).netloc.rpartition("@")[2].lower()
        if host in now:
            later.append(source)
        else:
            now[host] = source
    return list(now.values()), later

"""What ClickHouse holds, asked over HTTP by no code of ours, and how it differs from the input."""

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, TypeVar
from urllib.parse import quote

from tests.kill.expected import Counts, Key, Place

_ASK_SECONDS = 20
_SHOWN = 12
BY_HOUR = """
SELECT toUnixTimestamp(toStartOfHour(counted_at)), source, count() FROM posts FINAL GROUP BY ALL
"""
HOURLY = """
SELECT toUnixTimestamp(hour), unit, topic, posts, concerns, danger, stories, sites
FROM hourly_counts FINAL WHERE posts > 0
"""
# A post under two times would be two rows: the time is fixed at first sight, through every kill.
UNDATED = """
SELECT substringIndex(url, '/', -1), toUnixTimestamp(min(counted_at)), uniqExact(counted_at)
FROM posts WHERE published_at IS NULL GROUP BY url
"""
EVENTS = """
SELECT matter_id, sequence, topic, unit, kind, tier, reason, toString(at) FROM matter_events FINAL
ORDER BY matter_id, sequence
"""
# Without FINAL: each row that was ever written and is not yet merged away.
TWICE = """
SELECT matter_id, sequence, groupUniqArray((at, kind, tier)) FROM matter_events
GROUP BY matter_id, sequence HAVING uniqExact(at, kind, tier) > 1
"""
OPEN = """
SELECT topic, unit, groupArray(id) FROM matters FINAL WHERE closed_at IS NULL
GROUP BY topic, unit HAVING count() > 1
"""
PENDING = """
SELECT count() FROM matter_events FINAL WHERE concat(matter_id, '.', toString(sequence))
NOT IN (SELECT event_id FROM deliveries WHERE outcome = 'sent' AND channel = 'duty')
"""
T = TypeVar("T")


class Database:
    """`user` and `password` are sent as headers."""

    def __init__(self, url: str, name: str, user: str = "default", password: str = "") -> None:
        self.url, self.name = url, name
        self._headers = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}

    def create(self) -> None:
        self._send(f"CREATE DATABASE {self.name}", "")

    def rows(self, sql: str) -> list[list[Any]]:
        """No rows while it does not answer or has no tables yet."""
        settings = "&output_format_json_quote_64bit_integers=0&default_format=JSONCompact"
        try:
            answer = self._send(sql, f"database={quote(self.name)}{settings}")
        except (OSError, ValueError):
            return []
        found: list[list[Any]] = json.loads(answer)["data"]
        return found

    def number(self, sql: str) -> int:
        """The one number of `sql`; -1 while there is no answer."""
        rows = self.rows(sql)
        return int(rows[0][0]) if rows else -1

    def _send(self, sql: str, query: str) -> bytes:
        request = urllib.request.Request(f"{self.url}/?{query}", sql.encode(), self._headers)
        with urllib.request.urlopen(request, timeout=_ASK_SECONDS) as answer:
            body: bytes = answer.read()
        return body


def first_seen(database: Database) -> tuple[dict[str, datetime], list[str]]:
    """By id when each undated post counts, and those that count at more than one time."""
    rows = database.rows(UNDATED)
    times = {str(name): datetime.fromtimestamp(at, UTC) for name, at, _ in rows}
    return times, [f"post {name} counts at {n} times" for name, _, n in rows if n > 1]


def posts_by_hour(database: Database) -> Counter[tuple[int, str]]:
    return Counter({(hour, source): posts for hour, source, posts in database.rows(BY_HOUR)})


def hourly_counts(database: Database) -> dict[Place, Counts]:
    return {(h, unit, topic): Counts(*counts) for h, unit, topic, *counts in database.rows(HOURLY)}


def compared(what: str, wanted: Mapping[Any, T], found: Mapping[Any, T]) -> list[str]:
    wrong = [key for key in {**wanted, **found} if wanted.get(key) != found.get(key)]
    told = [f"{what} {key}: {found.get(key)}, not {wanted.get(key)}" for key in wrong[:_SHOWN]]
    return told + ([f"{what}: {len(wrong)} differ"] if len(wrong) > _SHOWN else [])


def matters(database: Database, opened: set[Key], grave: set[Key]) -> list[str]:
    """What is wrong with the events: one matter a key, no gap, a change of tier each."""
    rows = database.rows(EVENTS)
    told = [f"event {m}.{n} was decided twice: {ways}" for m, n, ways in database.rows(TWICE)]
    told += [f"open twice: {topic} {unit} {ids}" for topic, unit, ids in database.rows(OPEN)]
    by_matter: dict[str, list[list[Any]]] = {}
    for row in rows:
        by_matter.setdefault(row[0], []).append(row)
    for several in by_matter.values():
        told += _sequence(several)
    keys = Counter((several[0][2], several[0][3]) for several in by_matter.values())
    told += compared("matters of", dict.fromkeys(opened, 1), keys)
    wanted, reached = dict.fromkeys(grave, True), dict.fromkeys(graves(database), True)
    return told + compared("last tier of", wanted, reached)


def graves(database: Database) -> set[Key]:
    """(topic, unit) of the matters that have come to the last tier."""
    return {(row[2], row[3]) for row in database.rows(EVENTS) if row[5] == 4}


def _sequence(events: list[list[Any]]) -> Iterator[str]:
    """Nothing is lowered or closed in so short a time: the first event opens, each other raises."""
    numbers = [row[1] for row in events]
    if numbers != list(range(1, len(events) + 1)):
        yield f"matter {events[0][0]}: events {numbers}"
    kinds = [row[4] for row in events]
    if kinds != ["opened"] + ["raised"] * (len(events) - 1):
        yield f"matter {events[0][0]}: {kinds}"
    for before, after in pairwise(events):
        if after[5] <= before[5]:
            yield f"matter {before[0]}: tier {before[5]} then {after[5]} at {after[7]}"


def event_ids(database: Database) -> set[str]:
    return {f"{row[0]}.{row[1]}" for row in database.rows(EVENTS)}


def told_apart(ids: set[str], received: set[str]) -> list[str]:
    told = [f"event {name} never reached the receiver" for name in sorted(ids - received)]
    return told + [f"the receiver got {name}, no event" for name in sorted(received - ids)]

"""The Log in memory: the fake that ships, for tests, `replay` and other runs that keep nothing."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Condition

from bus.log import (
    LEADER,
    SOURCES,
    Entry,
    Lag,
    NotMine,
    Place,
    Record,
    check_sizes,
    next_offsets,
    partition_of,
)
from runtime.clock import Clock, SystemClock


@dataclass
class _Partition:
    """`first` is the offset of the oldest record that is still held."""

    records: list[tuple[datetime, Record]] = field(default_factory=list)
    first: int = 0

    @property
    def end(self) -> int:
        return self.first + len(self.records)

    def read(self, offset: int, limit: int) -> list[Record]:
        start = max(offset - self.first, 0)
        return [record for _, record in self.records[start : start + limit]]

    def drop(self, before: datetime, committed: int) -> int:
        dropped = 0
        for at, record in self.records:
            if at >= before or record.offset >= committed:
                break
            dropped += 1
        del self.records[:dropped]
        self.first += dropped
        return dropped


class MemoryLog:
    """Readers of one group each read every partition; what the group commits is shared."""

    def __init__(self, partitions: int = 4, clock: Clock | None = None) -> None:
        self._partitions = partitions
        self._clock = clock or SystemClock()
        self._held: dict[Place, _Partition] = {}
        self._committed: dict[str, dict[Place, int]] = {}
        self._members: dict[tuple[str, str], list[MemoryShare]] = {}
        self._changed = Condition()

    def publish(self, stream: str, entries: Sequence[Entry]) -> None:
        check_sizes(stream, entries)
        with self._changed:
            self._append((self._place_of(stream, entry.key), entry) for entry in entries)

    def reader(self, group: str, streams: Sequence[str]) -> "MemoryReader":
        with self._changed:
            committed = self._committed.setdefault(group, {})
            places = [(stream, n) for stream in streams for n in range(self._partitions)]
            for place in places:
                committed.setdefault(place, 0)
        return MemoryReader(self, group, places)

    def scan(self, stream: str, since: Mapping[int, int] | None = None) -> Iterator[Record]:
        after = since or {}
        records = self.records(stream)
        return iter([each for each in records if each.offset >= after.get(each.partition, 0)])

    def share(self, group: str, stream: str) -> "MemoryShare":
        share = MemoryShare(self, group, stream)
        self.deal(share, 0)
        return share

    def trim(self, before: datetime) -> int:
        with self._changed:
            return sum(
                held.drop(before, self._committed_by_all(place, held.end))
                for place, held in self._held.items()
                if place[0] not in (SOURCES, LEADER)
            )

    def close(self) -> None:
        """Nothing to give back."""

    def records(self, stream: str) -> list[Record]:
        """All that `stream` holds, a partition after another."""
        with self._changed:
            places = sorted(place for place in self._held if place[0] == stream)
            return [r for place in places for _, r in self._held[place].records]

    def read(self, place: Place, offset: int, limit: int) -> list[Record]:
        with self._changed:
            return self._held_at(place).read(offset, limit)

    def wait_beyond(self, positions: dict[Place, int], seconds: float) -> None:
        def more() -> bool:
            return any(self._held_at(place).read(at, 1) for place, at in positions.items())

        with self._changed:
            self._changed.wait_for(more, seconds)

    def committed(self, group: str) -> dict[Place, int]:
        with self._changed:
            return dict(self._committed.get(group, {}))

    def commit(self, group: str, offsets: dict[Place, int]) -> None:
        with self._changed:
            committed = self._committed[group]
            for place, offset in offsets.items():
                committed[place] = max(committed.get(place, 0), offset)

    def backlog(self, group: str, place: Place) -> int:
        with self._changed:
            held = self._held_at(place)
            return held.end - max(self._committed[group][place], held.first)

    def partitions_of(self, stream: str) -> int:
        return 1 if stream == LEADER else self._partitions

    def deal(self, share: "MemoryShare", seconds: float) -> frozenset[int]:
        """What is dealt to `share` now, or within `seconds`; it joins again if it was dropped."""
        with self._changed:
            if share not in self._group(share):
                self._group(share).append(share)
                self._deal_again(share)
            self._changed.wait_for(lambda: bool(self._dealt(share)), seconds)
            return self._dealt(share)

    def leave(self, share: "MemoryShare") -> None:
        with self._changed:
            if share in self._group(share):
                self._group(share).remove(share)
                share.held = frozenset()
                self._deal_again(share)

    def publish_as(
        self,
        share: "MemoryShare",
        partition: int,
        kept: Sequence[Entry],
        sent: Mapping[str, Sequence[Entry]],
    ) -> None:
        with self._changed:
            if partition not in share.held:
                message = f"stream {share.stream}: partition {partition} is another member's now"
                raise NotMine(message)
            self._append(((share.stream, partition), entry) for entry in kept)
            for stream, entries in sent.items():
                self._append((self._place_of(stream, entry.key), entry) for entry in entries)

    def _group(self, share: "MemoryShare") -> "list[MemoryShare]":
        return self._members.setdefault((share.group, share.stream), [])

    def _dealt(self, share: "MemoryShare") -> frozenset[int]:
        """In turn, in the order in which the members joined."""
        members = self._group(share)
        return frozenset(
            range(members.index(share), self.partitions_of(share.stream), len(members))
        )

    def _deal_again(self, changed: "MemoryShare") -> None:
        for share in self._group(changed):
            share.held &= self._dealt(share)
        self._changed.notify_all()

    def _append(self, placed: Iterable[tuple[Place, Entry]]) -> None:
        at = self._clock.now()
        for place, entry in placed:
            held = self._held_at(place)
            held.records.append((at, Record(*place, held.end, entry.key, entry.value)))
        self._changed.notify_all()

    def _place_of(self, stream: str, key: str) -> Place:
        return stream, partition_of(key, self.partitions_of(stream))

    def _held_at(self, place: Place) -> _Partition:
        return self._held.setdefault(place, _Partition())

    def _committed_by_all(self, place: Place, end: int) -> int:
        return min((by[place] for by in self._committed.values() if place in by), default=end)


class MemoryReader:
    def __init__(self, log: MemoryLog, group: str, places: Sequence[Place]) -> None:
        self._log, self._group, self._places = log, group, list(places)
        self._next: dict[Place, int] = {}
        self.rewind()

    def poll(self, max_records: int, timeout_seconds: float) -> Sequence[Record]:
        self._log.wait_beyond(self._next, timeout_seconds)
        batch: list[Record] = []
        # Another partition comes first each time, so that a busy one can't starve the others.
        self._places = [*self._places[1:], *self._places[:1]]
        for place in self._places:
            found = self._log.read(place, self._next[place], max_records - len(batch))
            batch += found
            if found:
                self._next[place] = found[-1].offset + 1
        return batch

    def commit(self, records: Iterable[Record]) -> None:
        self._log.commit(self._group, next_offsets(records))

    def rewind(self) -> None:
        committed = self._log.committed(self._group)
        self._next = {place: committed[place] for place in self._places}

    def lag(self) -> Sequence[Lag]:
        return [Lag(*place, self._log.backlog(self._group, place)) for place in self._places]

    def close(self) -> None:
        """Nothing to give back."""


class MemoryShare:
    """One member of a group. `held`: what it was told of and held ever since."""

    def __init__(self, log: MemoryLog, group: str, stream: str) -> None:
        self._log = log
        self.group, self.stream = group, stream
        self.held: frozenset[int] = frozenset()
        self._told: frozenset[int] = frozenset()

    @property
    def partitions(self) -> int:
        return self._log.partitions_of(self.stream)

    def mine(self, timeout_seconds: float = 0) -> frozenset[int]:
        dealt = self._log.deal(self, timeout_seconds)
        lost = self._told - self.held
        self._told = self.held = dealt - lost
        return self._told

    def read(self, partition: int) -> Iterator[Record]:
        yield from self._log.read((self.stream, partition), 0, sys.maxsize)

    def publish(
        self, partition: int, kept: Sequence[Entry], sent: Mapping[str, Sequence[Entry]]
    ) -> None:
        for stream, entries in ((self.stream, kept), *sent.items()):
            check_sizes(stream, entries)
        self._log.publish_as(self, partition, kept, sent)

    def expire(self) -> None:
        """As if it had been paused for longer than the session; its next mine() joins again."""
        self._log.leave(self)

    def close(self) -> None:
        self._log.leave(self)

"""The Log in memory: the fake that ships, for tests, `replay` and other runs that keep nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Condition

from bus.log import Entry, Lag, Place, Record, check_sizes, next_offsets, partition_of
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
        self._changed = Condition()

    def publish(self, stream: str, entries: Sequence[Entry]) -> None:
        check_sizes(stream, entries)
        at = self._clock.now()
        with self._changed:
            for entry in entries:
                number = partition_of(entry.key, self._partitions)
                held = self._held_at((stream, number))
                record = Record(stream, number, held.end, entry.key, entry.value)
                held.records.append((at, record))
            self._changed.notify_all()

    def reader(self, group: str, streams: Sequence[str]) -> "MemoryReader":
        with self._changed:
            committed = self._committed.setdefault(group, {})
            places = [(stream, n) for stream in streams for n in range(self._partitions)]
            for place in places:
                committed.setdefault(place, 0)
        return MemoryReader(self, group, places)

    def trim(self, before: datetime) -> int:
        with self._changed:
            return sum(
                held.drop(before, self._committed_by_all(place, held.end))
                for place, held in self._held.items()
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

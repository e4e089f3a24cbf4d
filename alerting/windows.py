"""Window counts held in memory: posts and readings in as they are seen, counts of each matter out.

Replay counts with it, the running alerter asks the store (storage/windows.py); both pass one
contract suite. Every change is a step on a heap, so time may leap over quiet stretches.
"""

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from heapq import heappop, heappush
from itertools import count

from schemas.matters import MatterKey
from schemas.posts import Engagement, Owed, SourceKind, TaggedPost
from schemas.windows import BEFORE, DAY, EMPTY, QUIET, RECENT, Span, WindowCounts, WindowRules

# A post's age decides which windows hold it: recent, before, day only, quiet only, none.
BOUNDARIES = (RECENT, BEFORE, DAY, QUIET)
IN_RECENT, IN_BEFORE, IN_DAY, IN_QUIET, GONE = range(5)
# After every id that a post can have.
LAST_ID = "\U0010ffff"


class _Step(Enum):
    """What the passing of time does to a post."""

    AGES = auto()  # it grows older than a boundary
    GAINS = auto()  # a reading of its numbers does
    FORGOTTEN = auto()  # its mark was seen a day ago


Gains = tuple[int, int, int, int]


@dataclass(eq=False)
class _Thread:
    """`answers`: the places of its stored replies, sorted; `told`: its posts with reply numbers."""

    answers: list[tuple[datetime, str]] = field(default_factory=list)
    told: list["_Entry"] = field(default_factory=list)

    def answers_after(self, place: tuple[datetime, str], since: datetime) -> int:
        """How many replies stand after `place` and count after `since`."""
        start = max(place, (since, LAST_ID))
        return len(self.answers) - bisect_right(self.answers, start)


@dataclass(eq=False)
class _Entry:
    """One post. `gains`: replies in day, recent and before, views in day; `raw`: the same before
    the replies that are stored are taken off.
    """

    number: int
    tagged: TaggedPost
    thread: _Thread
    cells: list[tuple["_Cell", bool]]
    phase: int = GONE
    readings: list[tuple[datetime, int, int]] = field(default_factory=list)
    raw: Gains = (0, 0, 0, 0)
    gains: Gains = (0, 0, 0, 0)

    @property
    def place(self) -> tuple[datetime, str]:
        return self.tagged.post.counted_at, self.tagged.post.id

    @property
    def is_reply(self) -> bool:
        post = self.tagged.post
        return post.thread_id not in (None, "", post.id)

    def known(self, at: datetime) -> tuple[int, int]:
        """Replies and views as known at `at`; nothing known is zero."""
        found = bisect_right(self.readings, at, key=lambda reading: reading[0])
        return self.readings[found - 1][1:] if found else (0, 0)


@dataclass(eq=False)
class _Cell:
    """The running counts of one matter."""

    key: MatterKey
    spans: list[list[int]] = field(default_factory=lambda: [[0, 0] for _ in range(3)])
    gains: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    stories: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    openers: list[datetime] = field(default_factory=list)
    news: dict[int, datetime] = field(default_factory=dict)
    news_concern: dict[int, datetime] = field(default_factory=dict)
    danger: dict[int, datetime] = field(default_factory=dict)
    active: int = 0


Due = tuple[datetime, int, _Entry, _Step]


class MemoryWindows:
    """Counts as of the time it was last advanced to; `add` and `read` belong to that tick."""

    def __init__(self, rules: WindowRules) -> None:
        self.rules = rules
        self._cells: dict[MatterKey, _Cell] = {}
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._threads: dict[tuple[str, str], _Thread] = {}
        self._steps: list[Due] = []
        self._numbers: Iterator[int] = count()
        self._changed: set[MatterKey] = set()
        self._now: datetime | None = None

    def advance(self, at: datetime) -> None:
        """Let time pass to `at`, which must not lie before the last one."""
        self._now = at
        while self._steps and self._steps[0][0] <= at:
            _, _, entry, step = heappop(self._steps)
            if step is _Step.GAINS:
                self._regain(entry)
            elif step is _Step.FORGOTTEN:
                self._forget(entry)
            else:
                self._move(entry)

    def add(self, tagged: TaggedPost) -> None:
        """Count a post, seen by now, under the matters of its topics and units."""
        post, at = tagged.post, self._time()
        thread = self._threads.setdefault((post.source, post.thread_id or post.id), _Thread())
        entry = _Entry(next(self._numbers), tagged, thread, list(self._cells_of(tagged)))
        self._entries[post.source, post.id] = entry
        entry.phase = sum(at - post.counted_at >= boundary for boundary in BOUNDARIES)
        if entry.phase < GONE:
            self._enter(entry)
            self._schedule(post.counted_at + BOUNDARIES[entry.phase], entry, _Step.AGES)
        if at - post.seen_at < DAY and post.seen_at - post.counted_at < QUIET:
            self._mark(entry)
        if entry.is_reply:
            insort(thread.answers, entry.place)
            # One more answer takes nothing off where nothing is left.
            self._regain_thread(entry, (told for told in thread.told if any(told.gains[:3])))

    def read(self, reading: Engagement) -> None:
        """Take new reply and view numbers of a post that was added before."""
        entry = self._entries[reading.source, reading.id]
        replies, views = entry.known(reading.at)
        known = (
            reading.at,
            replies if reading.replies is None else reading.replies,
            views if reading.views is None else reading.views,
        )
        insort(entry.readings, known)
        if known[1] and entry not in entry.thread.told:
            entry.thread.told.append(entry)
        for length in (RECENT, BEFORE, DAY):
            self._schedule(reading.at + length, entry, _Step.GAINS)
        self._regain(entry)

    def next_step(self) -> datetime | None:
        """When the counts next change by the passing of time alone."""
        return self._steps[0][0] if self._steps else None

    def take_changed(self) -> set[MatterKey]:
        """The matters whose counts changed since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    def counts(self, at: datetime) -> Mapping[MatterKey, WindowCounts]:
        self.advance(at)
        counted = {key: self.counts_of(key) for key in self._cells}
        return {key: counts for key, counts in counted.items() if counts != EMPTY}

    def counts_of(self, key: MatterKey) -> WindowCounts:
        cell = self._cells.get(key) or _Cell(key)
        day, recent, before = (
            Span(posts, concerns, cell.gains[n]) for n, (posts, concerns) in enumerate(cell.spans)
        )
        return WindowCounts(
            day=day,
            recent=recent,
            before=before,
            stories=len(cell.stories),
            sites=len(cell.sites),
            sources=len(cell.sources),
            views=cell.gains[3],
            openers=tuple(reversed(cell.openers[-self.rules.openers :])),
            news=_latest(cell.news),
            news_concern=_latest(cell.news_concern),
            danger=_latest(cell.danger),
            active=cell.active > 0 or bool(cell.news or cell.danger),
        )

    def _time(self) -> datetime:
        if self._now is None:
            message = "advance() to the tick before adding to it"
            raise RuntimeError(message)
        return self._now

    def _cells_of(self, tagged: TaggedPost) -> Iterator[tuple[_Cell, bool]]:
        """The matters a post counts in, and whether it may open and lift them (first topic)."""
        tags = tagged.tags
        if tagged.post.source_kind is SourceKind.NOTICE:
            return
        for topic in dict.fromkeys(tags.topics):
            if topic in self.rules.silent_topics:
                continue
            for unit in dict.fromkeys(tags.units) or ("",):
                key = MatterKey(topic, unit)
                yield self._cells.setdefault(key, _Cell(key)), topic == tags.category

    def _schedule(self, due: datetime, entry: _Entry, step: _Step) -> None:
        if due > self._time():
            heappush(self._steps, (due, next(self._numbers), entry, step))

    def _enter(self, entry: _Entry) -> None:
        tagged, phase = entry.tagged, entry.phase
        for cell, is_first in entry.cells:
            self._touch(cell)
            cell.active += _keeps_open(tagged)
            if phase <= IN_DAY:
                _count(cell, 0, tagged, 1)
                _enter_day(cell, entry, is_first=is_first)
            if phase in (IN_RECENT, IN_BEFORE):
                _count(cell, 1 + phase, tagged, 1)

    def _move(self, entry: _Entry) -> None:
        """A post grew older than a boundary: it leaves one window and may enter the next."""
        left, tagged = entry.phase, entry.tagged
        entry.phase += 1
        for cell, is_first in entry.cells:
            self._touch(cell)
            if left in (IN_RECENT, IN_BEFORE):
                _count(cell, 1 + left, tagged, -1)
            if left == IN_RECENT:
                _count(cell, 2, tagged, 1)
            if left == IN_DAY:
                _count(cell, 0, tagged, -1)
                _leave_day(cell, entry, is_first=is_first)
            if left == IN_QUIET:
                cell.active -= _keeps_open(tagged)
        if entry.phase < GONE:
            due = tagged.post.counted_at + BOUNDARIES[entry.phase]
            heappush(self._steps, (due, next(self._numbers), entry, _Step.AGES))
        if entry.is_reply and left <= IN_DAY:
            self._regain_thread(entry, (told for told in entry.thread.told if any(told.raw)))

    def _mark(self, entry: _Entry) -> None:
        """Remember for a day that a post was seen which alone can open or lift its matters."""
        tagged, seen_at = entry.tagged, entry.tagged.post.seen_at
        if not (tagged.tags.danger or _is_news(tagged)):
            return
        for cell, is_first in entry.cells:
            if is_first:
                self._touch(cell)
                for marks in _marks(cell, tagged):
                    marks[entry.number] = seen_at
        self._schedule(seen_at + DAY, entry, _Step.FORGOTTEN)

    def _forget(self, entry: _Entry) -> None:
        for cell, _ in entry.cells:
            self._touch(cell)
            for marks in (cell.danger, cell.news, cell.news_concern):
                marks.pop(entry.number, None)

    def _touch(self, cell: _Cell) -> None:
        self._changed.add(cell.key)

    def _regain_thread(self, moved: _Entry, told: Iterable[_Entry]) -> None:
        """A stored reply is not counted again in the reply numbers of the posts before it."""
        for entry in told:
            if entry.place < moved.place:
                self._gain(entry)

    def _regain(self, entry: _Entry) -> None:
        entry.raw = _raw_gains(entry, self._time())
        self._gain(entry)

    def _gain(self, entry: _Entry) -> None:
        gains = _gains(entry, self._time())
        if gains == entry.gains:
            return
        for cell, _ in entry.cells:
            self._touch(cell)
            for n in range(4):
                cell.gains[n] += gains[n] - entry.gains[n]
        entry.gains = gains


def _latest(marks: dict[int, datetime]) -> datetime | None:
    return marks[next(reversed(marks))] if marks else None


def _marks(cell: _Cell, tagged: TaggedPost) -> Iterator[dict[int, datetime]]:
    grave = tagged.tags.danger or tagged.tags.owed in (Owed.COMPLAINT, Owed.CLAIM_TO_VERIFY)
    if tagged.tags.danger:
        yield cell.danger
    if _is_news(tagged):
        yield cell.news
    if _is_news(tagged) and grave:
        yield cell.news_concern


def _is_news(tagged: TaggedPost) -> bool:
    return tagged.post.source_kind is SourceKind.NEWS


def _keeps_open(tagged: TaggedPost) -> bool:
    return tagged.tags.concern or tagged.tags.danger or _is_news(tagged)


def _count(cell: _Cell, span: int, tagged: TaggedPost, by: int) -> None:
    cell.spans[span][0] += by
    cell.spans[span][1] += by * tagged.tags.concern


def _enter_day(cell: _Cell, entry: _Entry, *, is_first: bool) -> None:
    tagged = entry.tagged
    cell.stories[tagged.tags.story_id] += 1
    cell.sites[tagged.site] += 1
    cell.sources[tagged.post.source] += 1
    if is_first and tagged.tags.concern:
        insort(cell.openers, tagged.post.counted_at)


def _leave_day(cell: _Cell, entry: _Entry, *, is_first: bool) -> None:
    tagged = entry.tagged
    for counter, value in (
        (cell.stories, tagged.tags.story_id),
        (cell.sites, tagged.site),
        (cell.sources, tagged.post.source),
    ):
        counter[value] -= 1
        if not counter[value]:
            del counter[value]
    if is_first and tagged.tags.concern:
        del cell.openers[0]  # the oldest leaves first


def _raw_gains(entry: _Entry, at: datetime) -> Gains:
    """Replies gained in day, recent and before; views gained in day."""
    now, (half, _), (earlier, _), yesterday = (
        entry.known(at - age) for age in (timedelta(), RECENT, BEFORE, DAY)
    )
    return (
        now[0] - yesterday[0],
        now[0] - half,
        half - earlier,
        now[1] - yesterday[1],
    )


def _gains(entry: _Entry, at: datetime) -> Gains:
    """The raw gains, less the replies that are stored as posts."""
    day, recent, before, views = entry.raw
    in_day, in_recent, in_both = (
        entry.thread.answers_after(entry.place, at - age) for age in (DAY, RECENT, BEFORE)
    )
    return (
        max(0, day - in_day),
        max(0, recent - in_recent),
        max(0, before - (in_both - in_recent)),
        max(0, views),
    )

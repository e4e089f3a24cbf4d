"""Which sources are this collector's, what is known of them, and how a poll is told: two ways.

AllMine: one process, its state file and the log. Dealt: a share of the stream `sources`, in which
what is known stands beside what was published. Used by the worker; monitor/wiring chooses.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bus.log import SOURCES, Entry, Log, NotMine, Share, partition_of
from collectors.changelog import changes, entries, forgotten, read
from collectors.state import Known, Sighting, SourceState, State
from runtime.config import Source
from runtime.errors import ConfigError

# So many changes at most are published at a time when a source is forgotten.
_FORGOTTEN_AT_ONCE = 10_000


@dataclass(frozen=True)
class Step:
    """One poll of a source: how it stood before and after, what was found, what is sent.

    `listed`: None if the list is the one of the poll before, or could not be read.
    """

    before: SourceState
    after: SourceState
    first: Sequence[Sighting]
    listed: Sequence[Sighting] | None
    sent: Mapping[str, Sequence[Entry]]
    retention: timedelta

    @property
    def forget_before(self) -> datetime | None:
        """Measured against the source's own last list: while a site is away, nothing is forgotten,
        or its undated posts would come back as new ones.
        """
        return self.after.listed_at - self.retention if self.after.listed_at else None


class Holdings(Protocol):
    """`idle_seconds`, `busy_seconds`: how long `renew` may be put off, without and with polls."""

    state: State
    idle_seconds: float
    busy_seconds: float

    @property
    def mine(self) -> Sequence[Source]:
        """The sources that were ours at the last renewal, less those that turned out not to be."""
        ...

    @property
    def notice(self) -> str:
        """How many of all sources these are; empty where all are."""
        ...

    def renew(self, oldest: datetime) -> bool:
        """Whether `mine` or what is known of them in `state` changed.

        Forgets sources that are configured no more and were listed last before `oldest`. Raises
        RetryLater while nothing is certain to be ours.
        """
        ...

    def publish(self, step: Step) -> None:
        """Tell of a poll, then remember it. Raises RetryLater: the same step is to be told again.

        Raises NotMine when the source is another's: nothing was told.
        """
        ...

    def close(self) -> None: ...


class AllMine:
    """Order, for a kill between any two steps: the times that posts count at, durably; the posts;
    that they were published. The next run repeats what was not noted, with the same times.
    """

    idle_seconds = 30.0
    busy_seconds = float("inf")
    notice = ""

    def __init__(self, sources: Sequence[Source], log: Log, state: State) -> None:
        self.mine = sources
        self.state = state
        self._log = log
        self._renewed = False

    def renew(self, oldest: datetime) -> bool:
        if self._renewed:
            return False
        self.state.forget_removed([source.id for source in self.mine], oldest)
        self._renewed = True
        return True

    def publish(self, step: Step) -> None:
        self.state.remember(step.after.id, step.first)
        for stream, sent in step.sent.items():
            if sent:
                self._log.publish(stream, sent)
        _save(self.state, step)

    def close(self) -> None:
        self.state.close()


class Dealt:
    """All of a poll in one batch, which only the holder of the source's partition can publish.

    The state is a copy, read anew for each partition that is gained. A member that died before its
    batch was durable told nobody of its times, so that the next one's stand; a batch of which it
    was not certain is in the copy that the next one reads, or nowhere.
    """

    # Others wait for us to hear of a new deal; while sites are asked, this is put off a little.
    idle_seconds = 1.0
    busy_seconds = 20.0

    def __init__(self, sources: Sequence[Source], share: Share, state: State) -> None:
        self.state = state
        self._sources, self._share = sources, share
        self._held: frozenset[int] = frozenset()
        self._changed = False

    @property
    def mine(self) -> Sequence[Source]:
        return [each for each in self._sources if self._partition(each.id) in self._held]

    @property
    def notice(self) -> str:
        return f"{len(self.mine)} of {len(self._sources)} sources"

    def renew(self, oldest: datetime) -> bool:
        # One at a time: reading takes a while, and the share is to be asked for meanwhile.
        while gained := self._dealt_anew():
            try:
                self._load(min(gained))
                self._forget_removed(oldest)
            except NotMine:
                # Dealt on meanwhile; the next renewal sees to whom.
                break
        changed, self._changed = self._changed, False
        return changed

    def publish(self, step: Step) -> None:
        self._publish(step.after.id, [*_changes(self.state, step)], step.sent)
        self.state.remember(step.after.id, step.first)
        _save(self.state, step)

    def close(self) -> None:
        self._share.close()
        self.state.close()

    def _dealt_anew(self) -> frozenset[int]:
        mine = self._share.mine(0 if self._held else self.idle_seconds)
        if mine and max(mine) >= self._share.partitions:
            # Whoever starts now deals the sources by the new number.
            found = f"partition {max(mine)} was added"
            raise self._renumbered(found)
        self._let_go(self._held - mine)
        return mine - self._held

    def _load(self, partition: int) -> None:
        self.state.load(self._read(partition))
        self._held |= {partition}
        self._changed = True

    def _read(self, partition: int) -> Iterator[Known]:
        for fact in read(self._share.read(partition)):
            if self._partition(fact.source) != partition:
                found = f"{fact.source!r} stands in partition {partition}"
                of = f"{found} of {self._share.partitions}, which is not its own"
                raise self._renumbered(of)
            yield fact

    def _renumbered(self, found: str) -> ConfigError:
        return ConfigError(
            f"stream {SOURCES}: {found}: "
            "their number was changed; make the stream anew with the number it had"
        )

    def _forget_removed(self, oldest: datetime) -> None:
        configured = {source.id for source in self._sources}
        for source_id, listed_at in self.state.sources().items():
            if source_id not in configured and (listed_at is None or listed_at < oldest):
                gone = [*forgotten(source_id, self.state.posts(source_id))]
                # The source itself last: killed in between, its holder goes on from here.
                gone.append(Known(source_id, "", None))
                for start in range(0, len(gone), _FORGOTTEN_AT_ONCE):
                    self._publish(source_id, gone[start : start + _FORGOTTEN_AT_ONCE], {})
                self.state.drop([source_id])

    def _publish(
        self, source_id: str, kept: Sequence[Known], sent: Mapping[str, Sequence[Entry]]
    ) -> None:
        partition = self._partition(source_id)
        try:
            self._share.publish(partition, entries(kept), sent)
        except NotMine:
            self._let_go(frozenset({partition}))
            raise

    def _let_go(self, partitions: frozenset[int]) -> None:
        if partitions:
            self._held -= partitions
            self._changed = True
            known = self.state.sources()
            self.state.drop([each for each in known if self._partition(each) in partitions])

    def _partition(self, source_id: str) -> int:
        return partition_of(source_id, self._share.partitions)


def _changes(state: State, step: Step) -> Iterator[Known]:
    """What `_save` changes, read before it does."""
    source = step.after
    yield Known(source.id, "", source)
    listed = state.listed(step.before)
    kept = set(listed)
    if step.listed is not None:
        kept = {seen.id for seen in step.listed}
        yield from changes(listed, step.listed, step.before)
    if step.forget_before:
        unlisted = state.unlisted(source.id, step.forget_before)
        yield from forgotten(source.id, set(unlisted) - kept)


def _save(state: State, step: Step) -> None:
    state.save(step.before, step.after, step.listed)
    if step.forget_before:
        state.forget(step.after.id, step.forget_before)

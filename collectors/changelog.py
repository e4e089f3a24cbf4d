"""What a collector knows of a source and its posts, as records of the stream `sources`, and back.

Keys are `<source>` and `<source>/<post>`; no record holds a text or a person. Called by holdings.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from bus.log import SOURCES, Entry, Record
from collectors.state import Known, Sighting, SourceState
from runtime.errors import ConfigError


class _Source(msgspec.Struct, frozen=True, tag_field="schema", tag="source/1"):
    state: SourceState


class _Seen(msgspec.Struct, frozen=True, tag_field="schema", tag="sighting/1", omit_defaults=True):
    sighting: Sighting
    off_since: datetime | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Source | _Seen)


def entries(facts: Iterable[Known]) -> list[Entry]:
    return [Entry(_key(fact), _value(fact)) for fact in facts]


def read(records: Iterable[Record]) -> Iterator[Known]:
    """Raises ConfigError for a record that this version can't read: going on without what it says
    would count its posts again.
    """
    for record in records:
        source, _, post = record.key.partition("/")
        value = _decode(record) if record.value else None
        if isinstance(value, _Seen):
            yield Known(source, post, value.sighting, value.off_since)
        else:
            yield Known(source, post, value.state if value else None)


def changes(
    before: dict[str, Sighting], after: Sequence[Sighting], source: SourceState
) -> Iterator[Known]:
    """From one list of `source` to the next: what is new, changed or back, and what is off it."""
    for seen in after:
        if before.get(seen.id) != seen:
            yield Known(source.id, seen.id, seen)
    for post in before.keys() - {seen.id for seen in after}:
        yield Known(source.id, post, before[post], source.listed_at)


def forgotten(source_id: str, posts: Iterable[str]) -> Iterator[Known]:
    return (Known(source_id, post, None) for post in posts)


def _key(fact: Known) -> str:
    return f"{fact.source}/{fact.id}" if fact.id else fact.source


def _value(fact: Known) -> bytes:
    if fact.value is None:
        return b""
    if isinstance(fact.value, SourceState):
        return _encoder.encode(_Source(fact.value))
    return _encoder.encode(_Seen(fact.value, fact.off_since))


def _decode(record: Record) -> _Source | _Seen:
    try:
        value: _Source | _Seen = _decoder.decode(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        place = f"stream {SOURCES}: partition {record.partition}, offset {record.offset}"
        found = f"{record.key!r} can't be read ({error})"
        message = f"{place}: {found}; install the version that wrote it"
        raise ConfigError(message) from error
    return value

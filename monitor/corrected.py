"""What operators said of posts that are still stored, as samples; called by `huisheng train`.

A running process answers itself, as for `huisheng sql`; the texts stay on this machine."""

import msgspec

from analyzers.labelled import Sample
from monitor.asking import ask_sql, refusals_told
from runtime.config import Config
from schemas.posts import Owed, SourceKind
from storage.corrections import LABELLED

PLACE = "corrections"


class _Row(msgspec.Struct):
    title: str
    body: str
    source_kind: SourceKind
    topics: tuple[str, ...]
    owed: Owed
    danger: bool
    department: str


def corrected_samples(config: Config) -> list[Sample]:
    """Raises ConfigError when the store can't be asked."""
    with refusals_told():
        lines = ask_sql(config, LABELLED, "jsonl").splitlines()
    rows = (msgspec.json.decode(line, type=_Row) for line in lines if line)
    known = {topic.key for topic in config.topics}
    return [_sample(row, number, known) for number, row in enumerate(rows, 1)]


def _sample(row: _Row, number: int, known: set[str]) -> Sample:
    return Sample(
        title=row.title,
        body=row.body,
        # Topics that were taken out of the configuration since say nothing of those that are there.
        topics=row.topics if known.issuperset(row.topics) else None,
        owed=row.owed,
        danger=row.danger,
        department=row.department or None,
        source_kind=row.source_kind,
        place=f"{PLACE}:{number}",
    )

"""A model fitted on the invented posts of tests/reading, once a run, and the samples of it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

from analyzers.classify import Floats, Model
from analyzers.features import Features, extract
from analyzers.keywords import RuleBook
from analyzers.labelled import Sample, learnable
from analyzers.reading import Reading, read
from analyzers.rule_syntax import parse_files
from analyzers.segment import Segmenter
from analyzers.signals import SignalReader, rule_files
from analyzers.train import fit
from runtime.config import Config
from schemas.posts import Owed, SourceKind
from tests.analyzers.rules import rule_file, shipped

POSTS = Path(__file__).parents[1] / "reading" / "posts.jsonl"
OFFICES = {"food_safety": "市场监管", "transport": "公安交管", "health_epidemic": "卫生健康"}
EDUCATION = "教育"


class Row(msgspec.Struct, frozen=True):
    kind: str
    source_kind: SourceKind
    title: str
    body: str
    topics: tuple[str, ...]
    owed: Owed
    danger: bool


@cache
def rows() -> tuple[Row, ...]:
    """Without replies: what they are about stands in another post."""
    lines = POSTS.read_text("utf-8").splitlines()
    found = (msgspec.json.decode(line, type=Row) for line in lines)
    return tuple(row for row in found if row.kind != "reply")


def office(row: Row) -> str:
    return OFFICES.get(row.topics[0], EDUCATION)


@cache
def samples() -> tuple[Sample, ...]:
    return tuple(
        Sample(
            title=row.title,
            body=row.body,
            topics=row.topics,
            owed=row.owed,
            danger=row.danger,
            department=office(row),
            source_kind=row.source_kind,
            place=f"posts:{number}",
        )
        for number, row in enumerate(rows())
    )


@cache
def config() -> Config:
    return shipped()


@cache
def small() -> Config:
    """Few rules, quickly made ready."""
    kept = ("boarding", "fees", "exams")
    topics = tuple(topic for topic in config().topics if topic.key in kept)
    danger = rule_file("着火\n", "danger.txt")
    return config().model_copy(update={"danger": danger, "topics": topics})


@cache
def model() -> Model:
    return fit(learnable(samples()), config())


class Ready:
    """Texts made ready for a model, as the tagger does it."""

    def __init__(self, fitted: Model) -> None:
        named = rule_files(config())
        self._segmenter = Segmenter()
        self._book = RuleBook(parse_files(named.values()))
        self._signals = SignalReader(list(named), fitted.signals)

    def read(self, title: str, body: str) -> Reading:
        return read(title, body, self._segmenter)

    def of(self, readings: Sequence[Reading]) -> tuple[Features, Floats]:
        matches = [self._book.match(reading) for reading in readings]
        return extract(readings), self._signals.read(readings, matches)

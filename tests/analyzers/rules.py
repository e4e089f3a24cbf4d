"""Rule files and configurations written in a test, and posts for them."""

from datetime import UTC, datetime

from analyzers.keywords import RuleBook, RuleMatch
from analyzers.reading import read
from analyzers.rule_syntax import parse_rules, quoted_words
from analyzers.segment import Segmenter
from runtime.config import Config, RuleFile, RuleLine, Unit
from runtime.settings import SHIPPED, load_config
from schemas.posts import Post, SourceKind

SEEN = datetime(2026, 11, 2, 0, 0, tzinfo=UTC)


def rule_file(text: str, path: str = "topics/test.txt") -> RuleFile:
    lines = (RuleLine(number=n, text=line) for n, line in enumerate(text.splitlines(), 1))
    return RuleFile(path=path, lines=tuple(lines))


def match(rules: str, body: str, title: str = "") -> RuleMatch | None:
    groups = parse_rules(rule_file(rules))
    reading = read(title, body, Segmenter(words=quoted_words(groups)))
    return RuleBook([groups]).match(reading)[0]


def shipped(*units: Unit) -> Config:
    """The rules that ship, whatever stands in config/, with the given units."""
    return load_config(SHIPPED).model_copy(update={"units": units})


def post(body: str, title: str = "", kind: SourceKind = SourceKind.FORUM) -> Post:
    return Post(
        id="1",
        source="bbs",
        source_kind=kind,
        url="http://bbs.example/1",
        title=title,
        body=body,
        published_at=SEEN,
    )

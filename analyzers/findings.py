"""What the linter says of a rule, and the rule files as it reads them. Its parts share this."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from analyzers.rule_syntax import Group, Term, parse_files
from runtime.config import Config, RuleFile

# An error can't be meant; a warning is hardly meant; a hint may be as it should be.
Level = Literal["error", "warning", "hint"]
Kind = Literal[
    "conflict", "impossible", "twice", "ambiguous", "trap", "wide", "unused", "superfluous"
]

SHOWN = 30


@dataclass(frozen=True)
class Finding:
    """`place` is path:line."""

    place: str
    level: Level
    kind: Kind
    finding: str
    remedy: str


class Rules(NamedTuple):
    """One file with its groups; `topic`: two such files compete for a post."""

    path: str
    groups: tuple[Group, ...]
    topic: bool

    def place(self, line: int) -> str:
        return f"{self.path}:{line}"


def parsed(config: Config) -> list[Rules]:
    """All rule files of a configuration; raises ConfigProblems with every bad line."""
    others = (config.danger, *config.owed)
    files: tuple[RuleFile, ...] = (*others, *(topic.rules for topic in config.topics))
    return [
        Rules(file.path, groups, topic=number >= len(others))
        for number, (file, groups) in enumerate(zip(files, parse_files(files), strict=True))
    ]


def called(group: Group) -> str:
    return f"[{group.name}]" if group.name else f"the group at line {group.line}"


def shown(term: Term) -> str:
    text = term.text if len(term.text) <= SHOWN else f"{term.text[:SHOWN]}…"
    text = f"/{text}/" if term.regex else f"“{text}”" if term.whole else text
    return f"{term.where}:{text}" if term.where else text

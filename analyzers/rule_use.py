"""Rules and recent posts in, which rules find nothing or nearly everything out. The linter calls.

Each group is tried as it is, without its ! words, and with each of its lines alone.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from analyzers.findings import Finding, Level, Rules, called, shown
from analyzers.keywords import RuleBook
from analyzers.reading import Reading, read
from analyzers.rule_syntax import Group, Term
from analyzers.segment import Segmenter

# Fewer posts tell nothing of what is seldom.
FEWEST_POSTS = 200
WIDE_SHARE = 0.3
# What was met less often may be chance.
FEWEST_MEETINGS = 5
# A word of two characters that is oftener the end of one word and the start of the next.
TRAP_SHARE = 0.5


@dataclass(frozen=True)
class Text:
    """What the rules see of a post."""

    title: str = ""
    body: str = ""


@dataclass(frozen=True)
class _Trial:
    """`part` of a group, to be tried as a group of its own; `line` is where it stands."""

    file: Rules
    group: Group
    part: Group
    kind: Literal["group", "open", "line"]
    line: int


def lint_use(rules: Sequence[Rules], texts: Sequence[Text], segmenter: Segmenter) -> list[Finding]:
    """What posts tell of the rules; nothing if they are fewer than FEWEST_POSTS."""
    if len(texts) < FEWEST_POSTS:
        return []
    trials = [trial for file in rules for group in file.groups for trial in _trials(file, group)]
    book = RuleBook([(trial.part,) for trial in trials])
    short = {term.text for trial in trials for term in trial.group.plain if _two(term)}
    matched = [0] * len(trials)
    met, across = Counter[str](), Counter[str]()
    for text in texts:
        reading = read(text.title, text.body, segmenter)
        for number, match in enumerate(book.match(reading)):
            matched[number] += match is not None
        _count(reading, short, met, across)
    found = list(_findings(trials, matched, len(texts)))
    return found + list(_traps(rules, met, across))


def _trials(file: Rules, group: Group) -> Iterator[_Trial]:
    yield _Trial(file, group, group, "group", group.line)
    yield _Trial(file, group, replace(group, excluded=[]), "open", group.line)
    lines = sorted({term.line for term in group.plain})
    for line in lines if len(lines) > 1 else ():
        own = [term for term in group.plain if term.line == line]
        yield _Trial(file, group, replace(group, plain=own), "line", line)


def _findings(trials: Sequence[_Trial], matched: Sequence[int], posts: int) -> Iterator[Finding]:
    silent = False
    for number, (trial, count) in enumerate(zip(trials, matched, strict=True)):
        place = trial.file.place(trial.line)
        if trial.kind == "group":
            silent = count == 0
            if silent:
                yield _unused_group(place, trial.group, matched[number + 1], posts)
        # Of a group that never matches its lines are not told, too.
        elif trial.kind == "line" and count == 0 and not silent:
            finding = f"{_first(trial.part)} of {called(trial.group)} matches none of {posts} posts"
            remedy = "see that it is written as people write, or take it out"
            yield Finding(place, "hint", "unused", finding, remedy)
        if trial.kind != "open" and count > posts * WIDE_SHARE and _weighs(trial.part):
            what = called(trial.group) if trial.kind == "group" else _first(trial.part)
            finding = f"{what} matches {count / posts:.0%} of {posts} posts"
            remedy = "add a + line or drop the widest words, unless it is meant so"
            yield Finding(place, "warning", "wide", finding, remedy)


def _unused_group(place: str, group: Group, open_matches: int, posts: int) -> Finding:
    if open_matches:
        would = f"{called(group)} would match {open_matches} of {posts} posts"
        finding = f"{would}, but its ! words shut them all out"
        level: Level = "warning" if open_matches >= FEWEST_MEETINGS else "hint"
        return Finding(place, level, "unused", finding, "make the ! words narrower")
    finding = f"{called(group)} matches none of {posts} posts"
    return Finding(place, "hint", "unused", finding, "see that its + words are not too many")


def _first(group: Group) -> str:
    first, *others = group.plain
    return f"{shown(first)} (and {len(others)} more)" if others else shown(first)


def _weighs(group: Group) -> bool:
    """Lines of weight 0 count in danger posts alone."""
    return not group.plain or any(term.weight for term in group.plain)


def _two(term: Term) -> bool:
    return len(term.text) == 2 and not (term.regex or term.whole or term.near)


def _count(reading: Reading, short: set[str], met: Counter[str], across: Counter[str]) -> None:
    """How often a word is there, and how often it straddles two words of the text."""
    text, borders = reading.text, {0, *reading.ends}
    for start in range(len(text) - 1):
        word = text[start : start + 2]
        if word in short:
            met[word] += 1
            across[word] += start + 1 in borders and not {start, start + 2} <= borders


def _traps(rules: Sequence[Rules], met: Counter[str], across: Counter[str]) -> Iterator[Finding]:
    for file in rules:
        terms = {term: term for group in file.groups for term in group.plain if _two(term)}
        for term in terms:
            times, parts = met[term.text], across[term.text]
            if times >= FEWEST_MEETINGS and parts > times * TRAP_SHARE:
                told = f"{parts} of {times} times"
                finding = f"{term.text} is the end of one word and the start of another {told}"
                remedy = f'write "{term.text}" for the word alone'
                yield Finding(file.place(term.line), "warning", "trap", finding, remedy)

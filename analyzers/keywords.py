"""Keyword rules in (files that users write), what each file finds in a post out.

`word`, `+word`, `!word`, `/regex/`, `[name]`, `# note`, blank lines: as TrendRadar has them. Added:
`"word"` whole words, `a|b` several, `-word` no hit in its clause, `word ^2`, `[*]` all groups."""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ahocorasick_rs import AhoCorasick

from analyzers.segment import Segmenter, fold
from runtime.config import RuleFile
from runtime.errors import ConfigError

TITLE_FACTOR = 2.0
SHOWN_LENGTH = 20
EVERY_GROUP = "*"

_WEIGHT = re.compile(r"\s*\^(\d+(?:\.\d+)?)$")
_FULL_WIDTH = "，！？；：（）"
_CLAUSE_END = re.compile(r"[,。.!?;、~…\s]")


@dataclass(frozen=True)
class Term:
    """What is looked for: the folded text of a word, or a pattern."""

    text: str
    whole: bool = False
    regex: bool = False


@dataclass
class Group:
    """Rules up to a blank line: a post matches with a `plain` word, one of each `required` choice,
    and none of `excluded`; a word of `guards` makes hits in its own clause void.
    """

    name: str = ""
    line: int = 0
    plain: dict[Term, float] = field(default_factory=dict)
    required: list[tuple[Term, ...]] = field(default_factory=list)
    excluded: list[Term] = field(default_factory=list)
    guards: list[Term] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.plain or self.required or self.excluded or self.guards)

    def terms(self) -> Iterator[Term]:
        yield from self.plain
        for choice in self.required:
            yield from choice
        yield from self.excluded
        yield from self.guards


@dataclass(frozen=True)
class RuleMatch:
    """What a file found, heaviest first: words as in the rules, for a pattern the text it met."""

    score: float
    words: tuple[str, ...]


def parse_rules(file: RuleFile) -> tuple[Group, ...]:
    """A line is a rule, and the file matches if any of its groups does.

    `a|b|c` after `+` means one of them; the lines `+ ! -` under `[*]` hold for every group.
    Raises ConfigError: path:line: finding; remedy.
    """
    groups = [Group()]
    for line in file.lines:
        text, place = line.text.strip(), f"{file.path}:{line.number}"
        named = len(text) > 1 and text[0] == "[" and text[-1] == "]"
        if not text or named:
            groups.append(Group(text[1:-1].strip(), line.number if named else 0))
        elif not text.startswith("#"):
            groups[-1].line = groups[-1].line or line.number
            _add_rule(groups[-1], text, place)
    filled = [group for group in groups if not group.empty]
    shared = [group for group in filled if group.name == EVERY_GROUP]
    own = [group for group in filled if group.name != EVERY_GROUP]
    for group in filled:
        _check(group, f"{file.path}:{group.line}")
    for group in own:
        for common in shared:
            group.required += common.required
            group.excluded += common.excluded
            group.guards += common.guards
    return tuple(own)


def quoted_words(groups: Sequence[Group]) -> Iterator[str]:
    """Words that the segmenter has to know."""
    return (term.text for group in groups for term in group.terms() if term.whole)


def _check(group: Group, place: str) -> None:
    if group.name == EVERY_GROUP and group.plain:
        finding = "a plain word under [*] would match every post that holds it"
        raise _bad(place, finding, "move it to a group of its own, below a blank line")
    if group.name != EVERY_GROUP and not (group.plain or group.required):
        finding = "the group has only ! or - words, so it can match nothing"
        raise _bad(place, finding, "add a word to look for, or put them under [*]")


def _bad(place: str, finding: str, remedy: str) -> ConfigError:
    return ConfigError(f"{place}: {finding}; {remedy}")


def _add_rule(group: Group, text: str, place: str) -> None:
    found = _WEIGHT.search(text)
    weight = float(found[1]) if found else 1.0
    bare = text[: found.start()] if found else text
    sign = bare[0] if bare and bare[0] in "+!-" else ""
    terms = _terms(bare[len(sign) :].strip(), place)
    if sign == "+":
        group.required.append(terms)
    elif sign == "!":
        group.excluded += terms
    elif sign == "-":
        group.guards += terms
    else:
        group.plain.update(dict.fromkeys(terms, weight))


def _terms(text: str, place: str) -> tuple[Term, ...]:
    if len(text) > 1 and text[0] == "/" and text[-1] == "/":
        return (_pattern(text[1:-1], place),)
    return tuple(_word(part.strip(), place) for part in text.split("|"))


def _pattern(text: str, place: str) -> Term:
    if any(sign in _FULL_WIDTH for sign in text):
        finding = f"/{text}/ has full-width signs, but rules see posts with half-width ones"
        raise _bad(place, finding, "write ? for ？, ( for （ and so on")
    try:
        empty = re.compile(text, re.IGNORECASE).search("")
    except re.error as error:
        finding = f"/{text}/ is no valid pattern ({error})"
        raise _bad(place, finding, "mend it, or drop the / for a plain word") from None
    if empty:
        raise _bad(place, f"/{text}/ matches every text", "name what must be there")
    return Term(text, regex=True)


def _word(text: str, place: str) -> Term:
    whole = len(text) > 1 and text[0] in '"“' and text[-1] in '"”'
    word = fold(text[1:-1] if whole else text).strip()
    if not word:
        raise _bad(place, "a word is missing here", "write one, or delete the sign before it")
    return Term(word, whole)


class RuleBook:
    """All files compiled together: one pass over a post finds the words of every file."""

    def __init__(self, files: Sequence[Sequence[Group]], segmenter: Segmenter) -> None:
        self._files, self._segmenter = len(files), segmenter
        groups = [_Compiled(index, group) for index, file in enumerate(files) for group in file]
        terms = {term for file in files for group in file for term in group.terms()}
        self._words = sorted({term.text for term in terms if not term.regex})
        self._search = AhoCorasick(self._words) if self._words else None
        self._patterns = {t.text: re.compile(t.text, re.IGNORECASE) for t in terms if t.regex}
        self._always = [compiled for compiled in groups if compiled.trigger is None]
        self._by_word: dict[str, list[_Compiled]] = {}
        for compiled in groups:
            for word in compiled.trigger or ():
                self._by_word.setdefault(word, []).append(compiled)

    def match(self, title: str, body: str) -> tuple[RuleMatch | None, ...]:
        """For each file, in their order, what it found in a folded title and body."""
        scan = _Scan(f"{title}\n{body}", len(title), self._patterns, self._segmenter)
        if self._search:
            for index, start, _ in self._search.find_matches_as_indexes(
                scan.text, overlapping=True
            ):
                scan.words.setdefault(self._words[index], []).append(start)
        candidates = {id(each): each for word in scan.words for each in self._by_word.get(word, ())}
        found: list[dict[str, float]] = [{} for _ in range(self._files)]
        for compiled in (*self._always, *candidates.values()):
            hits = found[compiled.file]
            for text, weight in compiled.hits(scan).items():
                hits[text] = max(weight, hits.get(text, 0.0))
        return tuple(_summed(hits, scan.shown) for hits in found)


def _summed(hits: dict[str, float], shown: dict[str, str]) -> RuleMatch | None:
    if not hits:
        return None
    heaviest = sorted(hits, key=lambda text: (-hits[text], text))
    return RuleMatch(sum(hits.values()), tuple(shown.get(text, text) for text in heaviest))


class _Choice:
    """Terms of which one will do, sorted by how they are looked for."""

    def __init__(self, terms: Collection[Term]) -> None:
        self.texts = frozenset(term.text for term in terms if not (term.regex or term.whole))
        self._dear = [term for term in terms if term.regex or term.whole]
        self.regexes = [term for term in terms if term.regex]

    def met(self, scan: "_Scan") -> bool:
        return not self.texts.isdisjoint(scan.seen) or any(map(scan.places, self._dear))

    def places(self, scan: "_Scan") -> dict[str, list[int]]:
        """For each term that is there, where it starts, in ascending order."""
        found = {text: scan.words[text] for text in self.texts & scan.seen}
        for term in self._dear:
            if places := scan.places(term):
                found[term.text] = places
        return found


class _Compiled:
    """A group made ready: what it needs, what shuts it, and the words that make it worth a look."""

    def __init__(self, file: int, group: Group) -> None:
        self.file = file
        sought = group.plain or {term: 1.0 for each in group.required for term in each}
        self._weights = {term.text: weight for term, weight in sought.items()}
        self._plain = _Choice(list(sought))
        self._required = [_Choice(each) for each in group.required]
        self._excluded = _Choice(group.excluded)
        self._guards = _Choice(group.guards)
        needs = [(self._plain, list(sought)), *zip(self._required, group.required, strict=True)]
        words = [{term.text for term in each} for choice, each in needs if not choice.regexes]
        self.trigger = min(words, key=len) if words else None

    def hits(self, scan: "_Scan") -> dict[str, float]:
        """The terms found with what they weigh here; none if the group does not match."""
        if not all(each.met(scan) for each in self._required) or self._excluded.met(scan):
            return {}
        hits = self._plain.places(scan)
        if hits and (guards := self._guards.places(scan)):
            hits = _unguarded(hits, guards, scan)
        return {
            text: self._weights[text] * (TITLE_FACTOR if places[0] < scan.title_end else 1.0)
            for text, places in hits.items()
        }


def _unguarded(
    hits: dict[str, list[int]], guards: dict[str, list[int]], scan: "_Scan"
) -> dict[str, list[int]]:
    shut = {scan.clause(place) for places in guards.values() for place in places}
    kept = {
        text: [place for place in places if scan.clause(place) not in shut]
        for text, places in hits.items()
    }
    return {text: places for text, places in kept.items() if places}


@dataclass
class _Scan:
    """What is known of one post; dearer things are worked out when first asked for."""

    text: str
    title_end: int
    patterns: dict[str, re.Pattern[str]]
    segmenter: Segmenter
    words: dict[str, list[int]] = field(default_factory=dict)
    matched: dict[str, list[int]] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)

    @cached_property
    def seen(self) -> frozenset[str]:
        return frozenset(self.words)

    @cached_property
    def spans(self) -> set[tuple[int, int]]:
        return set(self.segmenter.spans(self.text))

    @cached_property
    def clause_ends(self) -> list[int]:
        return [found.start() for found in _CLAUSE_END.finditer(self.text)]

    def clause(self, position: int) -> int:
        return bisect_right(self.clause_ends, position)

    def places(self, term: Term) -> list[int]:
        """Where a pattern or a whole word starts, in ascending order."""
        if not term.regex:
            starts, length = self.words.get(term.text, []), len(term.text)
            return [each for each in starts if (each, each + length) in self.spans]
        if term.text not in self.matched:
            found = list(self.patterns[term.text].finditer(self.text))
            self.matched[term.text] = [each.start() for each in found]
            if found:
                self.shown[term.text] = found[0].group().strip()[:SHOWN_LENGTH]
        return self.matched[term.text]

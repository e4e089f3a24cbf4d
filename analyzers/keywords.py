"""All rule files compiled together, a post's reading in, what each file finds in it out.

One pass over the text finds the words of every file and those that patterns can't do without;
only the groups that these leave possible are looked at. Called by the tagger.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick

from analyzers.reading import Reading
from analyzers.rule_patterns import TEXT_LENGTH
from analyzers.rule_syntax import Group, Term
from analyzers.rule_terms import ALWAYS, Dear, Scan, Signals, Span, Word

TITLE_FACTOR = 2.0
SHOWN_LENGTH = 20
# What stands further down a long letter is seldom what the letter is about.
BODY_READ = 500


class RuleMatch(NamedTuple):
    """What a file found, heaviest first: labels, else words as in the text.

    `heaviest`: the greatest weight that the rules give to one of them; `groups`: their names.
    """

    score: float
    words: tuple[str, ...]
    heaviest: float = 1.0
    groups: frozenset[str] = frozenset()


# What a term weighs here (less than 0, so that the heaviest comes first), its text, what is shown
# for it, and what it weighs anywhere.
_Hit = tuple[float, str, str, float]
_Hits = list[_Hit]


class RuleBook:
    """Many files, matched side by side.

    Of a body the first `body_read` characters are read, of a post TEXT_LENGTH at most.
    """

    def __init__(self, files: Sequence[Sequence[Group]], body_read: int = BODY_READ) -> None:
        self._files, self._body_read = len(files), body_read
        signals = Signals()
        groups = [
            _Compiled(index, group, signals) for index, file in enumerate(files) for group in file
        ]
        self._told = _told(groups, signals)
        self._always = [group for group in groups if group.always]
        self._search = AhoCorasick(list(signals.words))

    def match(self, reading: Reading) -> tuple[RuleMatch | None, ...]:
        """For each file, in their order, what it found."""
        end = min(reading.title_end + 1 + self._body_read, TEXT_LENGTH)
        scan = Scan(reading.text[:end], reading)
        heard = self._heard(scan)
        signals = scan.signals
        found: dict[int, list[_Find]] = {}
        for group, words in heard.items():
            if signals & group.needs != group.needs or signals & group.shut:
                continue
            hits = words if group.simple else group.hits(words, scan)
            if not hits:
                continue
            if group.file in found:
                found[group.file].append((group, hits))
            else:
                found[group.file] = [(group, hits)]
        matches: list[RuleMatch | None] = [None] * self._files
        for file, finds in found.items():
            matches[file] = _summed(finds)
        return tuple(matches)

    def _heard(self, scan: Scan) -> dict["_Compiled", _Hits]:
        """The groups worth a look, and the words of theirs that are there; fills the scan."""
        heard: dict[_Compiled, _Hits] = {group: [] for group in self._always}
        words, signals, title_end, told = scan.words, ALWAYS, scan.title_end, self._told
        for word, start, stop in self._search.find_matches_as_indexes(scan.text, overlapping=True):
            if word in words:
                words[word].append((start, stop))
                continue
            words[word] = [(start, stop)]
            raised, sought, woken = told[word]
            signals |= raised
            for group, in_title, in_body in sought:
                hit = in_title if start < title_end else in_body
                if group in heard:
                    heard[group].append(hit)
                else:
                    heard[group] = [hit]
            for group in woken:
                if group not in heard:
                    heard[group] = []
        scan.signals = signals
        return heard


def _told(groups: Sequence["_Compiled"], signals: Signals) -> list["_Told"]:
    """For each word what it tells: its bits, who looks for it, who may find more because of it."""
    sought: list[list[_Heard]] = [[] for _ in signals.words]
    woken: list[dict[_Compiled, None]] = [{} for _ in signals.words]
    for group in groups:
        for each, term in group.wanted.items():
            if isinstance(each, Word):
                in_title, in_body = (_hit(term, there, term.text) for there in (True, False))
                sought[each.number].append((group, in_title, in_body))
                continue
            for word in each.trigger:
                woken[signals.words[word]][group] = None
    return list(zip(signals.by_word(), map(tuple, sought), map(tuple, woken), strict=True))


def _summed(finds: Sequence["_Find"]) -> RuleMatch:
    group, hits = finds[0]
    names = group.names
    if len(finds) > 1:
        names = names.union(*[group.names for group, _ in finds])
        hits = [hit for _, hits in finds for hit in hits]
    if len(hits) == 1:
        ((weight, _, word, anywhere),) = hits
        return RuleMatch(-weight, (word,), anywhere, names)
    ranked = sorted(hits)
    if len({text for _, text, _, _ in ranked}) < len(ranked):
        ranked = sorted(_distinct(ranked))
    words = tuple(dict.fromkeys([word for _, _, word, _ in ranked]))
    heaviest = max([anywhere for _, _, _, anywhere in ranked])
    return RuleMatch(sum([-weight for weight, _, _, _ in ranked]), words, heaviest, names)


def _distinct(hits: _Hits) -> Iterable[_Hit]:
    """Of each term its heaviest hit; of equals the one that is last by what is shown."""
    kept: dict[str, _Hit] = {}
    for hit in hits:
        known = kept.get(hit[1])
        if known is None or (known[0], hit[2:]) > (hit[0], known[2:]):
            kept[hit[1]] = hit
    return kept.values()


class _Compiled:
    """A group made ready: what it looks for, the bits that it needs, and those that shut it.

    `simple`: these bits and its words tell all; `always`: no word tells that it is worth a look.
    """

    def __init__(self, file: int, group: Group, signals: Signals) -> None:
        self.file, self.names = file, frozenset({group.name})
        sought = group.plain or [term for choice in group.required for term in choice]
        # Of equal terms the last counts.
        self.wanted = {signals.sought(term): term for term in sought}
        self._words = {each.number: each for each in self.wanted if isinstance(each, Word)}
        self._dear = Dear(self.wanted, signals)
        self.always = not all(each.trigger for each in self.wanted)
        needs = [signals.choice(each) for each in group.required]
        lines = groupby(group.excluded, key=lambda term: term.line)
        excluded = [signals.choice(terms) for _, terms in lines]
        self.needs = sum({each.possible for each in needs})
        self.shut = sum({each.told for each in excluded})
        self._needs_dear = [each for each in needs if not each.sure]
        self._shut_dear = [each for each in excluded if not each.sure]
        self._guards = signals.choice(group.guards)
        # The bits that tell that what is dear to look for matters.
        needed = ALWAYS if self._needs_dear else 0
        self._doubtful = sum({needed, *(each.possible for each in self._shut_dear)})
        self._guarded = self._guards.possible if group.guards else 0
        self.simple = not (self._dear.bits or self._doubtful or self._guarded)

    def hits(self, words: _Hits, scan: Scan) -> _Hits:
        """The terms found, `words` among them unless what is dear to look for is against it."""
        signals = scan.signals
        if signals & self._doubtful and not self._open(scan):
            return []
        found = words
        if signals & self._dear.bits:
            found = words + [
                _shown(self.wanted[each], span, scan)
                for each in self._dear.likely(scan)
                if (span := each.first(scan))
            ]
        return self._unguarded(scan) if found and signals & self._guarded else found

    def _open(self, scan: Scan) -> bool:
        """Whether all that is required is there, and nothing that is excluded."""
        for choice in self._needs_dear:
            if not choice.met(scan):
                return False
        return not any([each.met(scan) for each in self._shut_dear])

    def _unguarded(self, scan: Scan) -> _Hits:
        """Only what stands in a clause without a guard."""
        shut = {scan.clause(start) for start, _ in self._guards.found(scan)}
        words = [self._words[number] for number in self._words.keys() & scan.words.keys()]
        found = []
        for each in [*words, *self._dear.likely(scan)]:
            spans = (span for span in each.spans(scan) if scan.clause(span[0]) not in shut)
            if span := next(spans, None):
                found.append(_shown(self.wanted[each], span, scan))
        return found


_Find = tuple[_Compiled, _Hits]
# Who looks for a word, and what is found with it in a title or in a body.
_Heard = tuple[_Compiled, _Hit, _Hit]
_Told = tuple[int, tuple[_Heard, ...], tuple[_Compiled, ...]]


def _hit(term: Term, in_title: bool, met: str) -> _Hit:
    weight = term.weight * (TITLE_FACTOR if in_title else 1.0)
    return -weight, term.text, term.label or met, term.weight


def _shown(term: Term, span: Span, scan: Scan) -> _Hit:
    start, stop = span
    met = scan.text[start:stop].strip()[:SHOWN_LENGTH] if term.regex or term.near else term.text
    return _hit(term, start < scan.title_end, met)

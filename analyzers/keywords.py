"""All rule files compiled together, a post's reading in, what each file finds in it out.

One pass over the text finds the words of every file and those that patterns can't do without;
only the groups that these leave possible are looked at. Called by the tagger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from ahocorasick_rs import AhoCorasick

from analyzers.reading import Reading
from analyzers.rule_patterns import TEXT_LENGTH
from analyzers.rule_syntax import Group, Term
from analyzers.rule_terms import Choice, Scan, Signals, Span

TITLE_FACTOR = 2.0
SHOWN_LENGTH = 20
# What stands further down a long letter is seldom what the letter is about.
BODY_READ = 360


@dataclass(frozen=True)
class RuleMatch:
    """What a file found, heaviest first: labels, else words as in the text.

    `heaviest`: the greatest weight that the rules give to one of them; `groups`: their names.
    """

    score: float
    words: tuple[str, ...]
    heaviest: float = 1.0
    groups: frozenset[str] = frozenset()


# What a term weighs here, what is shown for it, and what it weighs anywhere.
_Hit = tuple[float, str, float]


class RuleBook:
    """Many files, matched side by side.

    Of a body the first `body_read` characters are read, of a post TEXT_LENGTH at most.
    """

    def __init__(self, files: Sequence[Sequence[Group]], body_read: int = BODY_READ) -> None:
        self._files, self._body_read = len(files), body_read
        signals = Signals()
        self._groups = [
            _Compiled(index, group, signals) for index, file in enumerate(files) for group in file
        ]
        self._raised = signals.by_word()
        self._woken, self._always = _wakers(self._groups, self._raised)
        self._search = AhoCorasick(list(signals.words))

    def match(self, reading: Reading) -> tuple[RuleMatch | None, ...]:
        """For each file, in their order, what it found."""
        end = min(reading.title_end + 1 + self._body_read, TEXT_LENGTH)
        scan, awake = Scan(reading.text[:end], reading), set(self._always)
        words, signals = scan.words, scan.signals
        for word, start, stop in self._search.find_matches_as_indexes(scan.text, overlapping=True):
            if word in words:
                words[word].append((start, stop))
            else:
                words[word] = [(start, stop)]
                signals |= self._raised[word]
                awake |= self._woken[word]
        found: dict[int, dict[str, _Hit]] = {}
        groups: dict[int, list[str]] = {}
        for number in awake:
            group = self._groups[number]
            if not (hits := group.hits(scan)):
                continue
            known = found.setdefault(group.file, {})
            groups.setdefault(group.file, []).append(group.name)
            for text, hit in hits:
                known[text] = max(hit, known.get(text, hit))
        return tuple(
            _summed(found[file], groups[file]) if file in found else None
            for file in range(self._files)
        )


def _wakers(
    groups: Sequence["_Compiled"], raised: Sequence[frozenset[int]]
) -> tuple[list[frozenset[int]], list[int]]:
    """For each word the groups that it makes worth a look; and those that always are."""
    woken: dict[int, list[int]] = {}
    for number, group in enumerate(groups):
        for signal in group.triggers:
            woken.setdefault(signal, []).append(number)
    kinds = {
        each: frozenset(number for signal in each for number in woken.get(signal, ()))
        for each in set(raised)
    }
    return [kinds[each] for each in raised], [
        number for number, group in enumerate(groups) if not group.triggers
    ]


def _summed(hits: dict[str, _Hit], groups: Sequence[str]) -> RuleMatch:
    ranked = sorted((-weight, text, shown) for text, (weight, shown, _) in hits.items())
    shown = dict.fromkeys(each[2] for each in ranked)
    heaviest = max(anywhere for _, _, anywhere in hits.values())
    score = sum(-each[0] for each in ranked)
    return RuleMatch(score, tuple(shown), heaviest, frozenset(groups))


class _Compiled:
    """A group made ready: what it needs, what shuts it, and the signals that wake it."""

    def __init__(self, file: int, group: Group, signals: Signals) -> None:
        self.file, self.name = file, group.name
        sought = group.plain or [term for choice in group.required for term in choice]
        self._plain = Choice(sought, signals)
        needs = [self._plain, *(Choice(each, signals) for each in group.required)]
        lines = groupby(group.excluded, key=lambda term: term.line)
        excluded = [Choice(list(terms), signals) for _, terms in lines]
        self._guards = Choice(group.guards, signals) if group.guards else None
        self._needs = frozenset(each.signal for each in needs if each.sure)
        self._shut = frozenset(each.signal for each in excluded if each.sure)
        self._needs_dear = [each for each in needs[1:] if not each.sure]
        self._shut_dear = [each for each in excluded if not each.sure]
        # What is looked for is rarer than what must be there too, such as a word for a school.
        triggers = [each.triggers for each in (needs if group.plain else needs[1:])]
        self.triggers = next((each for each in triggers if each), ())

    def hits(self, scan: Scan) -> Sequence[tuple[str, _Hit]]:
        """The terms found, by their text; none if the group does not match."""
        if not self._open(scan):
            return ()
        found = self._plain.found(scan)
        if found and self._guards and (guards := self._guards.found(scan)):
            found = _unguarded(found, guards, scan)
        return [(term.text, _hit(term, spans[0], scan)) for term, spans in found]

    def _open(self, scan: Scan) -> bool:
        """Whether all that is required is there, and nothing that is excluded."""
        return (
            scan.signals.issuperset(self._needs)
            and scan.signals.isdisjoint(self._shut)
            and not (self._needs_dear and not all(each.met(scan) for each in self._needs_dear))
            and not (self._shut_dear and any(each.met(scan) for each in self._shut_dear))
        )


def _hit(term: Term, span: Span, scan: Scan) -> _Hit:
    weight = term.weight * (TITLE_FACTOR if span[0] < scan.reading.title_end else 1.0)
    if term.regex or term.near:
        shown = term.label or scan.text[span[0] : span[1]].strip()[:SHOWN_LENGTH]
        return weight, shown, term.weight
    return weight, term.label or term.text, term.weight


_Found = list[tuple[Term, list[Span]]]


def _unguarded(found: _Found, guards: _Found, scan: Scan) -> _Found:
    shut = {scan.clause(start) for _, spans in guards for start, _ in spans}
    kept = [
        (term, [span for span in spans if scan.clause(span[0]) not in shut])
        for term, spans in found
    ]
    return [(term, spans) for term, spans in kept if spans]

"""Terms made ready to be looked for in a post, and what one post's text shows of them.

Called by keywords.py alone. What is dear (patterns, whole words, chains) is asked for once a post,
and only if the words are there that it can't do without.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from analyzers.reading import Reading
from analyzers.rule_patterns import needed_words
from analyzers.rule_syntax import Stop, Term, Where

_CLAUSE_END = re.compile(r"[,。.!?;、~…\s]")

# The bit that every text raises.
ALWAYS = 1

Span = tuple[int, int]


class Signals:
    """Bits for what the words of a text tell at once: "one of these is there"."""

    def __init__(self) -> None:
        self.words: dict[str, int] = {}
        self._bits: dict[frozenset[str], int] = {}
        self._sought: dict[Term, Sought] = {}
        self._choices: dict[tuple[Term, ...], Choice] = {}

    def of(self, words: Iterable[str]) -> int:
        wanted = frozenset(words)
        for word in wanted:
            self.number(word)
        return self._bits.setdefault(wanted, ALWAYS << 1 + len(self._bits))

    def number(self, word: str) -> int:
        return self.words.setdefault(word, len(self.words))

    def by_word(self) -> list[int]:
        """For each word, in their order, the bits that it raises."""
        raised = [0] * len(self.words)
        for wanted, bit in self._bits.items():
            for word in wanted:
                raised[self.words[word]] |= bit
        # Most words say the same as many others.
        same = {bits: bits for bits in raised}
        return [same[bits] for bits in raised]

    def sought(self, term: Term) -> "Sought":
        if term not in self._sought:
            kind = Pattern if term.regex else Chain if _dear(term) else Word
            self._sought[term] = kind(term, self)
        return self._sought[term]

    def choice(self, terms: Iterable[Term]) -> "Choice":
        """Many groups share the lines that stand under [*]."""
        key = tuple(terms)
        if key not in self._choices:
            self._choices[key] = Choice(key, self)
        return self._choices[key]


class Scan:
    """What is known of one post; dearer things are worked out when first asked for.

    `words`: where each word that is there stands, in ascending order; `signals`: what they tell.
    """

    def __init__(self, text: str, reading: Reading) -> None:
        self.text, self.reading, self.title_end = text, reading, reading.title_end
        self.words: dict[int, list[Span]] = {}
        self.signals = 0
        self.first: dict[Sought, Span | None] = {}

    @cached_property
    def clause_ends(self) -> list[int]:
        return [found.start() for found in _CLAUSE_END.finditer(self.text)]

    def clause(self, position: int) -> int:
        return bisect_right(self.clause_ends, position)

    def part(self, where: Where) -> Span:
        title_end, end = self.title_end, len(self.text)
        if where == "title":
            return 0, min(title_end, end)
        return (title_end + 1 if where == "body" else 0), end


class Sought:
    """A term; asked only of a scan with all of its `signals`: without them it is not there."""

    def __init__(self, needs: Iterable[frozenset[str]], signals: Signals) -> None:
        ordered = sorted(needs, key=len)
        # Words without any of which it is not there; none: it has to be looked for always.
        self.trigger = ordered[0] if ordered else frozenset()
        self.signals = sum({signals.of(each) for each in ordered})

    def first(self, scan: Scan) -> Span | None:
        """Where it is first, which is all that most ask."""
        known = scan.first
        if self in known:
            return known[self]
        found = known[self] = self._look_first(scan)
        return found

    def spans(self, scan: Scan) -> Sequence[Span]:
        """Where it is, by its start."""
        raise NotImplementedError

    def _look_first(self, scan: Scan) -> Span | None:
        return next(iter(self.spans(scan)), None)


class Word(Sought):
    """A word anywhere in the text; the search for all words has found it already."""

    def __init__(self, term: Term, signals: Signals) -> None:
        # It raises no signal of its own: thousands of them would be too many bits.
        super().__init__((), signals)
        self.trigger = frozenset({term.text})
        self.number = signals.number(term.text)

    def spans(self, scan: Scan) -> Sequence[Span]:
        return scan.words.get(self.number, ())


class Pattern(Sought):
    """A regular expression."""

    def __init__(self, term: Term, signals: Signals) -> None:
        super().__init__(needed_words(term.text), signals)
        self._where = term.where
        self._pattern = re.compile(term.text, re.IGNORECASE)

    def _look_first(self, scan: Scan) -> Span | None:
        if self._where:
            return super()._look_first(scan)
        found = self._pattern.search(scan.text)
        return found.span() if found else None

    def spans(self, scan: Scan) -> Sequence[Span]:
        if not self._where:
            return [each.span() for each in self._pattern.finditer(scan.text)]
        # A pattern's ^ and $ mean the ends of the part that it looks at.
        start, end = scan.part(self._where)
        found = self._pattern.finditer(scan.text[start:end])
        return [(start + each.start(), start + each.end()) for each in found]


class Chain(Sought):
    """Words near each other; a single word that may not stand anywhere is a chain too."""

    def __init__(self, term: Term, signals: Signals) -> None:
        stops = term.near or (Stop((term,), 0),)
        super().__init__([frozenset(word.text for word in stop.words) for stop in stops], signals)
        self._stops = [
            (stop.within, [(signals.number(word.text), word) for word in stop.words])
            for stop in stops
        ]

    def spans(self, scan: Scan) -> Sequence[Span]:
        """From the leftmost to the rightmost word of each chain."""
        (_, first), *more = self._stops
        if not more:
            return sorted(_spans(scan, first))
        reached = {span: span for span in _spans(scan, first)}
        for within, words in more:
            steps = list(_steps(reached, _spans(scan, words), within))
            # Of the chains to one place the shortest, of equals the first.
            reached = dict(sorted(steps, key=lambda step: (step[1][0] - step[1][1], -step[1][0])))
        return sorted(reached.values())


def _spans(scan: Scan, words: Sequence[tuple[int, Term]]) -> Iterator[Span]:
    for number, word in words:
        least, most = scan.part(word.where)
        for span in scan.words.get(number, ()):
            if least <= span[0] < most and (not word.whole or span in scan.reading.spans):
                yield span


def _steps(
    reached: dict[Span, Span], spans: Iterable[Span], within: int
) -> Iterator[tuple[Span, Span]]:
    """Each place that is near enough to one reached before, with the chain up to it."""
    before = sorted(reached.items())
    starts = [there[0] for there, _ in before]
    longest = max((there[1] - there[0] for there in reached), default=0)
    for here in spans:
        first = bisect_left(starts, here[0] - within - longest)
        for there, whole in before[first : bisect_right(starts, here[1] + within)]:
            if 0 <= max(here[0] - there[1], there[0] - here[1]) <= within:
                yield here, (min(here[0], whole[0]), max(here[1], whole[1]))


class Dear:
    """Terms other than words anywhere; `bits`: without any of them none of the terms is there."""

    def __init__(self, sought: Iterable[Sought], signals: Signals) -> None:
        self._by_bit: dict[int, list[tuple[int, Sought]]] = {}
        for each in sought:
            if not isinstance(each, Word):
                bit = signals.of(each.trigger) if each.trigger else ALWAYS
                self._by_bit.setdefault(bit, []).append((each.signals, each))
        self.bits = sum(self._by_bit)

    def likely(self, scan: Scan) -> list[Sought]:
        """Those that may be there."""
        there, found = scan.signals, []
        bits = there & self.bits
        while bits:
            bit = bits & -bits
            bits ^= bit
            for needed, sought in self._by_bit[bit]:
                if there & needed == needed:
                    found.append(sought)
        return found


class Choice:
    """Terms of which one will do.

    `told`: the bit that its words raise wherever they stand, 0 if it has none; `sure`: that bit
    tells all; `possible`: the bit without which none of its terms is there.
    """

    def __init__(self, terms: Sequence[Term], signals: Signals) -> None:
        sought = list(dict.fromkeys(map(signals.sought, terms)))
        words = [each for each in sought if isinstance(each, Word)]
        triggers = [each.trigger for each in sought]
        self._words = frozenset(each.number for each in words)
        self._dear = Dear(sought, signals)
        self.told = signals.of(word for each in words for word in each.trigger) if words else 0
        self.possible = signals.of(frozenset().union(*triggers)) if all(triggers) else ALWAYS
        self.sure = not self._dear.bits

    def met(self, scan: Scan) -> bool:
        """Whether one of them is there."""
        if scan.signals & self.told:
            return True
        return any([each.first(scan) for each in self._dear.likely(scan)])

    def found(self, scan: Scan) -> Iterator[Span]:
        """Where they are, all of them."""
        for sought in self._dear.likely(scan):
            yield from sought.spans(scan)
        for number in self._words & scan.words.keys():
            yield from scan.words[number]


def _dear(term: Term) -> bool:
    return bool(term.regex or term.whole or term.near or term.where)

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

Span = tuple[int, int]


class Signals:
    """Numbers for what the words of a text tell at once: "one of these is there"."""

    def __init__(self) -> None:
        self.words: dict[str, int] = {}
        self.sets: dict[frozenset[str], int] = {}
        self._sought: dict[Term, Sought] = {}

    def of(self, words: Iterable[str]) -> int:
        wanted = frozenset(words)
        for word in wanted:
            self.words.setdefault(word, len(self.words))
        return self.sets.setdefault(wanted, len(self.sets))

    def by_word(self) -> list[frozenset[int]]:
        """For each word, in their order, the signals that it gives."""
        given: list[list[int]] = [[] for _ in self.words]
        for wanted, signal in self.sets.items():
            for word in wanted:
                given[self.words[word]].append(signal)
        # Most words say the same as many others.
        kinds = {each: frozenset(each) for each in map(tuple, given)}
        return [kinds[tuple(each)] for each in given]

    def sought(self, term: Term) -> "Sought":
        if term not in self._sought:
            self._sought[term] = Sought(term, self)
        return self._sought[term]


class Scan:
    """What is known of one post; dearer things are worked out when first asked for.

    `words`: where each word that is there stands, in ascending order; `signals`: what they tell.
    """

    def __init__(self, text: str, reading: Reading) -> None:
        self.text, self.reading = text, reading
        self.words: dict[int, list[Span]] = {}
        self.signals: set[int] = set()
        self.known: dict[Sought, list[Span]] = {}

    @cached_property
    def clause_ends(self) -> list[int]:
        return [found.start() for found in _CLAUSE_END.finditer(self.text)]

    def clause(self, position: int) -> int:
        return bisect_right(self.clause_ends, position)

    def part(self, where: Where) -> Span:
        title_end, end = self.reading.title_end, len(self.text)
        if where == "title":
            return 0, min(title_end, end)
        return (title_end + 1 if where == "body" else 0), end


class Sought:
    """A term and the signals without which it can't be there."""

    def __init__(self, term: Term, signals: Signals) -> None:
        self._where = term.where
        self._pattern = re.compile(term.text, re.IGNORECASE) if term.regex else None
        stops = () if term.regex else term.near or (Stop((term,), 0),)
        needs = needed_words(term.text) if term.regex else [_texts(stop) for stop in stops]
        self.needs = sorted(needs, key=len)
        self.signals = [signals.of(each) for each in self.needs]
        self._stops = [
            (stop.within, [(signals.words[word.text], word) for word in stop.words])
            for stop in stops
        ]

    def spans(self, scan: Scan) -> list[Span]:
        """Where it is, by its start."""
        if not scan.signals.issuperset(self.signals):
            return []
        found = scan.known.get(self)
        if found is None:
            found = self._matches(self._pattern, scan) if self._pattern else self._chain(scan)
            scan.known[self] = found
        return found

    def _matches(self, pattern: re.Pattern[str], scan: Scan) -> list[Span]:
        if not self._where:
            return [each.span() for each in pattern.finditer(scan.text)]
        # A pattern's ^ and $ mean the ends of the part that it looks at.
        start, end = scan.part(self._where)
        found = pattern.finditer(scan.text[start:end])
        return [(start + each.start(), start + each.end()) for each in found]

    def _chain(self, scan: Scan) -> list[Span]:
        """From the leftmost to the rightmost word of each chain; a single word is a chain too."""
        (_, first), *more = self._stops
        reached = {span: span for span in _spans(scan, first)}
        for within, words in more:
            steps = list(_steps(reached, _spans(scan, words), within))
            # Of the chains to one place the shortest, of equals the first.
            reached = dict(sorted(steps, key=lambda step: (step[1][0] - step[1][1], -step[1][0])))
        return sorted(reached.values())


def _texts(stop: Stop) -> frozenset[str]:
    return frozenset(word.text for word in stop.words)


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


class Choice:
    """Terms of which one will do. Of equal ones the last counts."""

    def __init__(self, terms: Sequence[Term], signals: Signals) -> None:
        is_dear = {term: _dear(term) for term in reversed(terms)}
        plain = [term for term in is_dear if not is_dear[term]]
        self.signal = signals.of(term.text for term in plain) if plain else None
        self._words = {signals.words[term.text]: term for term in plain}
        dear = [(term, signals.sought(term)) for term in is_dear if is_dear[term]]
        self._always = [each for each in dear if not each[1].signals]
        self._dear: dict[int, list[tuple[Term, Sought]]] = {}
        for term, sought in dear:
            for signal in sought.signals[:1]:
                self._dear.setdefault(signal, []).append((term, sought))
        self._likely = frozenset(self._dear)
        # Whether its signal tells all.
        self.sure = not dear

    @property
    def triggers(self) -> tuple[int, ...]:
        """Signals without any of which no term is there; (): there are none."""
        if self._always:
            return ()
        return (*self._dear, *(() if self.signal is None else (self.signal,)))

    def met(self, scan: Scan) -> bool:
        return self.signal in scan.signals or bool(self._dear_found(scan))

    def found(self, scan: Scan) -> list[tuple[Term, list[Span]]]:
        """Each term that is there, and where."""
        found = [] if self.sure else self._dear_found(scan)
        if self.signal in scan.signals:
            here = self._words.keys() & scan.words.keys()
            found += [(self._words[number], scan.words[number]) for number in here]
        return found

    def _dear_found(self, scan: Scan) -> list[tuple[Term, list[Span]]]:
        found = [(term, sought.spans(scan)) for term, sought in self._always]
        for signal in self._likely & scan.signals:
            for term, sought in self._dear[signal]:
                found.append((term, sought.spans(scan)))
        return [each for each in found if each[1]] if found else found


def _dear(term: Term) -> bool:
    return bool(term.regex or term.whole or term.near or term.where)

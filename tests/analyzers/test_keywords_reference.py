"""The matcher against one that looks for every term everywhere, in an obvious way."""

import re
from collections.abc import Iterator, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.keywords import BODY_READ, SHOWN_LENGTH, TITLE_FACTOR, RuleBook, RuleMatch
from analyzers.reading import Reading, read
from analyzers.rule_syntax import Group, Term, parse_files, parse_rules, quoted_words
from analyzers.segment import Segmenter
from demo.town import load_town
from runtime.settings import SHIPPED, ConfigProblems, load_config
from tests.analyzers.cases import CASES
from tests.analyzers.rules import rule_file

Span = tuple[int, int]
SEGMENTER = Segmenter()


class Reference:
    """What one file finds in one post."""

    def __init__(self, groups: Sequence[Group], reading: Reading) -> None:
        self.reading = reading
        self.text = reading.text[: reading.title_end + 1 + BODY_READ]
        self.hits: dict[str, tuple[float, str, float]] = {}
        self.groups: set[str] = set()
        for group in groups:
            self.add(group)

    def result(self) -> RuleMatch | None:
        if not self.hits:
            return None
        ranked = sorted((-weight, text, shown) for text, (weight, shown, _) in self.hits.items())
        words = tuple(dict.fromkeys(shown for _, _, shown in ranked))
        heaviest = max(anywhere for _, _, anywhere in self.hits.values())
        score = sum(-weight for weight, _, _ in ranked)
        return RuleMatch(score, words, heaviest, frozenset(self.groups))

    def add(self, group: Group) -> None:
        required = all(any(map(self.spans, choice)) for choice in group.required)
        if not required or any(map(self.spans, group.excluded)):
            return
        guards = {self.clause(start) for term in group.guards for start, _ in self.spans(term)}
        sought = group.plain or [term for choice in group.required for term in choice]
        # Of equal terms of a group the last counts.
        for term in {term: term for term in sought}.values():
            for start, end in self.spans(term):
                if self.clause(start) not in guards:
                    self.hit(term, start, end)
                    self.groups.add(group.name)
                    break

    def hit(self, term: Term, start: int, end: int) -> None:
        weight = term.weight * (TITLE_FACTOR if start < self.reading.title_end else 1)
        met = self.text[start:end]
        shown = met.strip()[:SHOWN_LENGTH] if term.regex or term.near else met
        found = (weight, term.label or shown, term.weight)
        self.hits[term.text] = max(found, self.hits.get(term.text, found))

    def clause(self, position: int) -> int:
        return len(re.findall(r"[,。.!?;、~…\s]", self.text[: position + 1]))

    def spans(self, term: Term) -> list[Span]:
        first, last = 0, len(self.text)
        if term.where:
            middle = self.reading.title_end
            first, last = (0, middle) if term.where == "title" else (middle + 1, last)
        part = self.text[first:last]
        if term.near:
            return sorted(self.chains(term))
        if term.regex:
            return [
                (first + each.start(), first + each.end())
                for each in re.finditer(term.text, part, re.IGNORECASE)
            ]
        if term.text not in part:
            return []
        starts = [n for n in range(len(part)) if part.startswith(term.text, n)]
        spans = [(first + n, first + n + len(term.text)) for n in starts]
        return [span for span in spans if not term.whole or span in self.reading.spans]

    def chains(self, term: Term) -> Iterator[Span]:
        first, second = term.near
        for two in {span for word in second.words for span in self.spans(word)}:
            ones = [span for word in first.words for span in self.spans(word)]
            gaps = [(max(one[0] - two[1], two[0] - one[1]), one) for one in ones]
            near = [one for gap, one in gaps if 0 <= gap <= second.within]
            wholes = [(min(one[0], two[0]), max(one[1], two[1])) for one in near]
            if wholes:
                yield min(wholes, key=lambda whole: (whole[1] - whole[0], whole))


def same(files: Sequence[Sequence[Group]], reading: Reading, book: RuleBook) -> None:
    expected = tuple(Reference(groups, reading).result() for groups in files)
    assert book.match(reading) == expected


LETTERS = "食堂中毒a,"
WORD = st.text("食堂中毒a", min_size=1, max_size=2)
TERM = st.one_of(
    WORD,
    WORD.map(lambda word: f'"{word}"'),
    st.tuples(st.sampled_from(["title:", "body:"]), WORD).map("".join),
    st.lists(WORD, min_size=2, max_size=3).map("|".join),
    st.tuples(WORD, st.integers(0, 3), WORD).map(lambda each: "{} ~{} {}".format(*each)),
    st.sampled_from(["/食.毒/", "/(食|a)堂/", "/^中/", "/毒$/", "title:/毒$/", "/[食堂]{2}/"]),
)
LINE = st.tuples(
    st.sampled_from(["", "", "+", "!", "-"]), TERM, st.sampled_from(["", " ^2", " ^0.5", " => 甲"])
).map("".join)
HEADER = st.sampled_from(["", "[甲]", "[乙]", "[*]", "[GLOBAL_FILTER]", "[WORD_GROUPS]"])
BLOCK = st.tuples(HEADER, st.lists(LINE, max_size=4)).map(lambda each: [each[0], *each[1]])
FILE = st.lists(BLOCK, max_size=3).map(lambda blocks: [line for block in blocks for line in block])


def parsed(lines: list[str]) -> tuple[Group, ...]:
    """Of random lines those that can stand."""
    while True:
        try:
            return parse_rules(rule_file("\n".join(lines)))
        except ConfigProblems as error:
            bad = {int(problem.split(":")[1]) for problem in error.problems}
            lines = [line for number, line in enumerate(lines, 1) if number not in bad]


@settings(max_examples=300, deadline=None)
@given(st.lists(FILE, min_size=1, max_size=2), st.text(LETTERS), st.text(LETTERS))
def test_any_rules_find_the_same(files: list[list[str]], title: str, body: str) -> None:
    groups = [parsed(lines) for lines in files]
    same(groups, read(title, body, SEGMENTER), RuleBook(groups))


def test_shipped_rules_find_the_same() -> None:
    config = load_config(SHIPPED)
    rules = [config.danger, *config.owed, *(topic.rules for topic in config.topics)]
    files = parse_files(rules)
    segmenter = Segmenter(words=[word for file in files for word in quoted_words(file)])
    book = RuleBook(files)
    texts = [(case.title, case.body) for case in CASES]
    texts += [(post.title, post.body) for post in load_town().posts[::12]]
    for title, body in texts:
        same(files, read(title, body, segmenter), book)

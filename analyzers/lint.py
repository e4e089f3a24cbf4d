"""Rules and recent posts in, what is wrong or doubtful in the rules out; `huisheng check` calls.

Bad lines are not told here: whoever parses the rules has told them.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from analyzers.findings import Finding, Kind, Level, Rules, called, parsed, shown
from analyzers.rule_patterns import needed_words
from analyzers.rule_syntax import Group, Term, quoted_words
from analyzers.rule_use import Text, lint_use
from analyzers.segment import Segmenter, fold
from analyzers.unit_names import words_to_know
from runtime.config import Config

HEAVY = 2.0

# What a group requires, what it excludes, and its guards.
Conditions = tuple[frozenset[object], ...]


def lint(config: Config, texts: Sequence[Text] = ()) -> list[Finding]:
    """By place; raises ConfigProblems with every line that is no rule."""
    rules = parsed(config)
    words = [word for file in rules for word in quoted_words(file.groups)]
    segmenter = Segmenter(config.settings.analyze.engine, [*words_to_know(config.units), *words])
    return [*lint_rules(rules, segmenter), *lint_use(rules, texts, segmenter)]


def lint_rules(rules: Sequence[Rules], segmenter: Segmenter) -> list[Finding]:
    """What the rules alone tell; `segmenter` has to know their quoted words."""
    found: list[Finding] = []
    for file in rules:
        lines = Counter(choice[0].line for group in file.groups for choice in group.required)
        shared = {line for line, times in lines.items() if times > 1}
        for group in file.groups:
            found += _conflicts(file, group, shared)
            found += _superfluous(file, group)
            found += _short(file, group)
        found += _impossible(file, segmenter)
        found += _twice(file)
    return found + list(_ambiguous(rules))


class _Inside:
    """Of `terms`, which are there wherever another one is; where that can't be known, none."""

    def __init__(self, terms: Iterable[Term]) -> None:
        self._same: dict[Term, Term] = {}
        self._by_text: dict[str, list[Term]] = defaultdict(list)
        for term in terms:
            if self._same.setdefault(term, term) is term and _bare(term):
                self._by_text[term.text].append(term)
        self._longest = max(map(len, self._by_text), default=0)

    def of(self, outer: Term) -> list[Term]:
        """The shortest first; first of all the term itself."""
        found = [self._same[outer]] if outer in self._same else []
        if not self._by_text:
            return found
        for words in _needs(outer):
            held = set.intersection(*map(self._parts, words))
            inner = [term for text in sorted(held, key=len) for term in self._by_text[text]]
            found += [each for each in inner if not each.where or each.where == outer.where]
        return found

    def _parts(self, word: str) -> set[str]:
        ends = range(1, len(word) + 1)
        cuts = ((start, end) for end in ends for start in range(max(0, end - self._longest), end))
        return {word[start:end] for start, end in cuts if word[start:end] in self._by_text}


def _needs(term: Term) -> Sequence[Collection[str]]:
    """Sets of words; wherever the term is, there is one word of each."""
    if term.regex:
        return needed_words(term.text)
    if term.near:
        return [[word.text for word in stop.words] for stop in term.near]
    return [[term.text]]


def _bare(term: Term) -> bool:
    return not (term.regex or term.whole or term.near)


def _conflicts(file: Rules, group: Group, shared: Collection[int]) -> Iterator[Finding]:
    """Words that what the group shuts out makes void.

    `shared`: lines that hold for several groups, of which one may well shut out a word.
    """
    dead = _held(group.plain, _Inside([*group.excluded, *group.guards]))
    if dead and len(dead) == len(set(group.plain)):
        yield _shut(file, group, *dead.popitem())
        dead = {}
    for term, enemy in dead.items():
        remedy = f"take one of them out; shut out by line {enemy.line}"
        yield _error(file, term, f"{shown(term)} never counts: {_why(term, enemy)}", remedy)
    excluded = _Inside(group.excluded)
    for choice in group.required:
        dead = _held(choice, excluded)
        if len(dead) == len(set(choice)):
            yield _shut(file, group, *dead.popitem())
        elif choice[0].line not in shared:
            yield from (_idle(file, *each) for each in dead.items())


def _held(terms: Iterable[Term], enemies: _Inside) -> dict[Term, Term]:
    """Of `terms` those that are never there without one of `enemies`, and which."""
    return {term: inside[0] for term in terms if (inside := enemies.of(term))}


def _why(term: Term, enemy: Term) -> str:
    return "it is shut out too" if term == enemy else f"{shown(enemy)} in it is shut out"


def _shut(file: Rules, group: Group, term: Term, enemy: Term) -> Finding:
    finding = f"{called(group)} can match nothing: of {shown(term)}, {_why(term, enemy)}"
    remedy = f"mend line {term.line} or {enemy.line}"
    return _error(file, term, finding, remedy)


def _idle(file: Rules, term: Term, enemy: Term) -> Finding:
    finding = f"required {shown(term)} helps nothing: {_why(term, enemy)}"
    remedy = f"take one of them out; shut out by line {enemy.line}"
    return Finding(file.place(term.line), "warning", "conflict", finding, remedy)


def _error(file: Rules, term: Term, finding: str, remedy: str) -> Finding:
    return Finding(file.place(term.line), "error", "conflict", finding, remedy)


def _superfluous(file: Rules, group: Group) -> Iterator[Finding]:
    plain = _Inside(group.plain)
    for outer in group.plain:
        inside = (each for each in plain.of(outer) if each != outer)
        inner = next((each for each in inside if each.weight == outer.weight), None)
        if inner:
            finding = f"{shown(outer)} finds nothing that {shown(inner)} does not find"
            remedy = "take it out, unless it is to count on top of that"
            yield Finding(file.place(outer.line), "hint", "superfluous", finding, remedy)


def _short(file: Rules, group: Group) -> Iterator[Finding]:
    short: dict[int, list[str]] = defaultdict(list)
    for term in group.plain:
        if _bare(term) and len(term.text) == 1 and term.text.isalnum():
            short[term.line].append(term.text)
    for line, words in short.items():
        finding = f"{', '.join(words)}: a single character stands in many other words"
        remedy = f'write longer words, or "{words[0]}" for the word alone'
        yield Finding(file.place(line), "warning", "trap", finding, remedy)
    if group.limit_line:
        finding, remedy = "an @ with a number limits nothing here", "take the line out"
        yield Finding(file.place(group.limit_line), "hint", "superfluous", finding, remedy)


def _impossible(file: Rules, segmenter: Segmenter) -> Iterator[Finding]:
    seen: set[Term] = set()
    for group in file.groups:
        for term in group.terms():
            if term in seen:
                continue
            seen.add(term)
            for word in (term, *(word for stop in term.near for word in stop.words)):
                if told := _no_text(word, segmenter):
                    yield Finding(file.place(term.line), *told)


def _no_text(term: Term, segmenter: Segmenter) -> tuple[Level, Kind, str, str] | None:
    """Why no post, or hardly any, holds it."""
    if term.near:
        return None
    if term.regex:
        unseen = sorted({each for each in term.text if fold(each) != each.lower()})
        if not unseen:
            return None
        told = ", ".join(f"{each} as {fold(each)}" for each in unseen)
        return "warning", "impossible", f"{shown(term)} sees no {unseen[0]}", f"posts have {told}"
    if term.whole and len(cut := segmenter.cut(term.text)) > 1:
        finding = f"{shown(term)} is never one word: it is cut {'/'.join(cut)}"
        return "error", "impossible", finding, "write it without quotes"
    if any(_chinese_beside(term.text, place) for place in range(1, len(term.text) - 1)):
        finding = f"{shown(term)} has a space in it, which Chinese texts have not"
        return "warning", "impossible", finding, "write | between words, or take the space out"
    return None


def _chinese_beside(text: str, place: int) -> bool:
    beside = text[place - 1], text[place + 1]
    return text[place].isspace() and any("\u4e00" <= each <= "\u9fff" for each in beside)


def _twice(file: Rules) -> Iterator[Finding]:
    """A word again, where one of the two finds all that the other does and weighs no less."""
    asks = [_conditions(group) for group in file.groups]
    known: dict[Term, list[tuple[int, Term]]] = defaultdict(list)
    for number, group in enumerate(file.groups):
        for term in group.plain:
            for other, first in known[term]:
                if _covers(asks[other], asks[number]) and first.weight >= term.weight:
                    yield _again(file, term, first)
                elif _covers(asks[number], asks[other]) and term.weight >= first.weight:
                    yield _again(file, first, term)
                else:
                    continue
                break
            known[term].append((number, term))


def _again(file: Rules, term: Term, other: Term) -> Finding:
    asks = "" if other.line == term.line else ", which asks no more"
    finding = f"{shown(term)} stands in line {other.line} too{asks}"
    return Finding(file.place(term.line), "warning", "twice", finding, "take it out here")


def _covers(one: Conditions, other: Conditions) -> bool:
    """Whether `one` lets through whatever `other` does."""
    return all(map(frozenset.issubset, one, other))


def _conditions(group: Group) -> Conditions:
    required = frozenset(frozenset(choice) for choice in group.required)
    return required, frozenset(group.excluded), frozenset(group.guards)


def _ambiguous(rules: Sequence[Rules]) -> Iterator[Finding]:
    heavy: dict[Term, dict[str, int]] = defaultdict(dict)
    for file in rules:
        for group in file.groups:
            for term in group.plain:
                if file.topic and term.weight >= HEAVY:
                    heavy[term].setdefault(file.path, term.line)
    for term, places in heavy.items():
        if len(places) > 1:
            first, *others = (f"{path}:{line}" for path, line in places.items())
            finding = f"{shown(term)} also weighs {HEAVY:g} or more in {', '.join(others)}"
            remedy = "leave the weight to the topic that it is about"
            yield Finding(first, "warning", "ambiguous", finding, remedy)

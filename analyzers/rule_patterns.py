"""What a regular expression needs and costs, read off its parsed form.

Called when rules are read and compiled. Python's parser of patterns is private: only this file
knows it, and what it does not know counts as costly and as needing nothing.
"""

import importlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

_sre: Any = importlib.import_module("re._parser")

# A pattern's alternatives are multiplied out up to so many words.
MOST_WORDS = 64
# Rules read so many characters of a post.
TEXT_LENGTH = 600
# A pattern may try so many ways on them: three `.*` one after another pass, four do not.
MOST_WAYS = 2.0 * TEXT_LENGTH**3
# Repeats in repeats really try all the ways, of the others most end early.
MOST_NESTED = 10_000
# One of each kind of character; a pattern's own come to them.
ANYTHING = "0a_ \n一!"
_END = "end"
_EMPTY = ("AT", "ASSERT", "ASSERT_NOT")
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_CATEGORIES = {"DIGIT": str.isdecimal, "SPACE": str.isspace, "WORD": str.isalnum}

Words = frozenset[str]
Item = tuple[Any, Any]
NOTHING = Words({""})
_NO_ITEMS: list[Item] = []


def needed_words(pattern: str) -> tuple[Words, ...]:
    """Sets of folded words; whatever the pattern matches holds one word of each set.

    Sets of long words come alone; if there are none, the smallest set of single characters.
    """
    sets = [_shortest(each) for each in _needs(_sre.parse(pattern, re.IGNORECASE))]
    telling = [each for each in sets if min(map(len, each)) > 1]
    return tuple(telling or sorted(sets, key=len)[:1])


@lru_cache(maxsize=1_000)
def blows_up(pattern: str) -> str | None:
    """What in a valid pattern can keep it busy for ever on some text, or None."""
    ways = _Ways(_sre.parse(pattern, re.IGNORECASE))
    if ways.worst <= MOST_WAYS:
        return None
    return "a repeat within a repeat, or several like .* in a row, can share one text in many ways"


def _needs(items: Sequence[Item]) -> list[Words]:
    """Of a sequence: what its runs of known text need, and what the rest needs."""
    needs, run = [], NOTHING
    for item in items:
        exact = _exact(item)
        if exact is not None and len(run) * len(exact) <= MOST_WORDS:
            run = _joined(run, exact)
            continue
        needs.append(run)
        run = NOTHING if exact is None else exact
        if exact is None:
            needs += _needs_of(item)
    return [each for each in (*needs, run) if "" not in each]


def _needs_of(item: Item) -> list[Words]:
    name, value = str(item[0]), item[1]
    if name in ("SUBPATTERN", "ATOMIC_GROUP") or (name in _REPEATS and value[0] > 0):
        return _needs(_children(item)[0])
    if name == "BRANCH":
        best = [min(_needs(each), key=_dullness, default=None) for each in value[1]]
        known = [each for each in best if each is not None]
        return [Words().union(*known)] if len(known) == len(best) else []
    return []


def _dullness(words: Words) -> tuple[int, int]:
    return -min(map(len, words)), len(words)


def _shortest(words: Words) -> Words:
    """Without those that hold another."""
    return Words(word for word in words if not any(each != word and each in word for each in words))


def _joined(left: Words, right: Words) -> Words:
    return Words(one + two for one in left for two in right)


def _children(item: Item) -> Sequence[Sequence[Item]]:
    """The sequences within an item: the choices of a branch, the one of all others."""
    name, value = str(item[0]), item[1]
    if name in ("IN", "ATOMIC_GROUP"):
        return [value]
    if name == "GROUPREF_EXISTS":
        return [value[1], value[2] or _NO_ITEMS]
    if name == "BRANCH":
        return list(value[1])
    nested = name in (*_REPEATS, "SUBPATTERN", "ASSERT", "ASSERT_NOT")
    return [value[-1]] if nested else []


def _exact(item: Item) -> Words | None:
    """All texts that an item can match, folded, if they are few and known."""
    name, value = str(item[0]), item[1]
    optional = name in _REPEATS and value[:2] == (0, 1)
    if name in _EMPTY:
        return NOTHING
    if name == "LITERAL":
        return _letter(value)
    if name == "IN":
        return _union([_letter(v) if str(n) == "LITERAL" else None for n, v in value])
    if optional or name in ("BRANCH", "SUBPATTERN", "ATOMIC_GROUP"):
        runs = [_exact_run(each) for each in _children(item)]
        return _union([NOTHING, *runs] if optional else runs)
    return None


def _exact_run(items: Sequence[Item]) -> Words | None:
    run = NOTHING
    for item in items:
        exact = _exact(item)
        if exact is None or len(run) * len(exact) > MOST_WORDS:
            return None
        run = _joined(run, exact)
    return run


def _union(parts: Sequence[Words | None]) -> Words | None:
    known = [each for each in parts if each is not None]
    whole = Words().union(*known)
    return whole if len(known) == len(parts) and len(whole) <= MOST_WORDS else None


def _letter(code: int) -> Words | None:
    """Of letters with two cases only the plain ones: i has more kin, as ı, that are not folded."""
    letter = chr(code).lower()
    plain = letter.upper() == letter or (letter.isascii() and letter != "i")
    return Words({letter}) if plain else None


class _Ways:
    """In how many ways, at most, a pattern may share out one text from one start.

    Where an item can go on with a character that may also begin what comes after it, both are
    tried; such choices multiply along the pattern, and within a repeat with every round.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self._alphabet = Words({*ANYTHING, *_letters(items)})
        self._known: dict[tuple[int, Words], float] = {}
        self.worst = 1.0
        self._note(self._ways(items, Words({_END})))

    def _note(self, ways: float) -> None:
        self.worst = max(self.worst, ways)

    def _ways(self, items: Sequence[Item], after: Words) -> float:
        key = id(items), after
        if key not in self._known:
            ways = 1.0
            for item in reversed(items):
                ways = min(ways * self._ways_of(item, after), MOST_WAYS * 10)
                after = self._first_of(item, after)
            self._known[key] = ways
        return self._known[key]

    def _ways_of(self, item: Item, after: Words) -> float:
        name = str(item[0])
        if name in ("SUBPATTERN", "BRANCH", "GROUPREF_EXISTS"):
            return self._branch(_children(item), after)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            return self._repeat(item[1], after)
        # What follows these is tried but once: they cost, but multiply nothing.
        if name == "POSSESSIVE_REPEAT":
            self._note(self._repeat(item[1], after))
        elif name in ("ASSERT", "ASSERT_NOT", "ATOMIC_GROUP"):
            self._note(self._ways(_children(item)[0], after | {_END}))
        return 1.0

    def _repeat(self, value: tuple[int, int, Sequence[Item]], after: Words) -> float:
        least, most, body = value[0], min(value[1], TEXT_LENGTH), value[2]
        first = self._first(body, Words())
        stops = max(most - least, 0) + 1 if first & after else 1
        if most > least and _END in self._first(body, Words({_END})):
            # A round may be empty: it may be there or not.
            stops = max(stops, 2)
        last = self._ways(body, after)
        rounds = self._ways(body, first) if most > 1 else 1.0
        nested = rounds ** min(most - 1, 30)
        return (
            MOST_WAYS * 10 if nested > MOST_NESTED else min(stops * last * nested, MOST_WAYS * 10)
        )

    def _branch(self, choices: Sequence[Sequence[Item]], after: Words) -> float:
        ways = [self._ways(each, after) for each in choices]
        # Choices that may both be empty are alike too.
        firsts = [self._first(each, after | {_END}) for each in choices]
        exact = [_exact_run(each) for each in choices]
        return max(
            sum(
                ways[other]
                for other in range(len(choices))
                if other == this
                or (firsts[this] & firsts[other] and _alike(exact[this], exact[other], after))
            )
            for this in range(len(choices))
        )

    def _first(self, items: Sequence[Item], after: Words) -> Words:
        for item in reversed(items):
            after = self._first_of(item, after)
        return after

    def _first_of(self, item: Item, after: Words) -> Words:
        """The characters that an item, or if it may be empty what comes after it, begins with."""
        name, value = str(item[0]), item[1]
        if name in _EMPTY:
            return after
        if name in ("SUBPATTERN", "ATOMIC_GROUP", "BRANCH"):
            return Words().union(*(self._first(each, after) for each in _children(item)))
        if name in _REPEATS:
            return self._first(value[2], after) | (after if value[0] == 0 else Words())
        known = name in ("ANY", "LITERAL", "NOT_LITERAL", "IN")
        return self._characters(item) if known else self._alphabet | after

    def _characters(self, item: Item) -> Words:
        """Those of the alphabet that an item of one character matches."""
        name, value = str(item[0]), item[1]
        if name == "IN":
            parts = [self._characters(each) for each in value if str(each[0]) != "NEGATE"]
            whole = Words().union(*parts)
            return self._alphabet - whole if len(parts) < len(value) else whole
        if name == "LITERAL":
            return Words({chr(value).lower()})
        if name == "NOT_LITERAL":
            return self._alphabet - {chr(value).lower()}
        if name == "ANY":
            return self._alphabet
        holds = _in_range if name == "RANGE" else _in_category
        return Words(each for each in self._alphabet if holds(value, each))


def _alike(left: Words | None, right: Words | None, after: Words) -> bool:
    """Whether two choices that begin alike can both match one text and let the rest go on."""
    if left is None or right is None:
        return True
    return any(
        one == two
        or (two.startswith(one) and two[len(one)] in after)
        or (one.startswith(two) and one[len(two)] in after)
        for one in left
        for two in right
    )


def _in_range(ends: tuple[int, int], letter: str) -> bool:
    return any(ends[0] <= ord(each) <= ends[1] for each in {letter, letter.upper()[0]})


def _in_category(category: Any, letter: str) -> bool:
    kind = str(category).removeprefix("CATEGORY_")
    found = _CATEGORIES[kind.removeprefix("NOT_")](letter) or ("WORD" in kind and letter == "_")
    return found != kind.startswith("NOT_")


def _letters(items: Sequence[Item]) -> Iterator[str]:
    """Every character that a pattern names."""
    for name, value in items:
        if str(name) in ("LITERAL", "NOT_LITERAL"):
            yield chr(value).lower()
        elif str(name) == "RANGE":
            yield from (chr(end).lower() for end in value)
        for each in _children((name, value)):
            yield from _letters(each)

"""Rules and what a model knows of them in, the rules that it does not know made to decide out.

A model can't weigh a word that it was not fitted beside: until it is fitted anew, such a word says
its topic as if nobody had fitted anything. Called when a tagger is made, and by train.py.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analyzers.rule_syntax import Group, Term

# A rule of this weight (`word ^5`) decides, whatever the classifier says.
DECIDES = 5.0
# Lighter ones, and those that count in danger alone, are meant to be weighed.
FULL = 1.0

Files = Sequence[Sequence[Group]]
Digests = NDArray[np.uint32]


def rule_digests(names: Sequence[str], files: Files) -> Digests:
    """In ascending order; of each term its file, and what it looks for."""
    told = {
        _digest(name, term)
        for name, file in zip(names, files, strict=True)
        for group in file
        for term in _sought(group)
    }
    return np.array(sorted(told), np.uint32)


def deciding(names: Sequence[str], files: Files, known: Digests) -> list[list[Group]]:
    """The files, where each new term of full weight has that of one that decides."""
    digests = set(known.tolist())
    return [
        [_with_new_deciding(group, name, digests) for group in file]
        for name, file in zip(names, files, strict=True)
    ]


def new_words(names: Sequence[str], files: Files, known: Digests) -> tuple[str, ...]:
    """The terms that `deciding` raises, as they are written."""
    digests = set(known.tolist())
    found = {
        term.text: None
        for name, file in zip(names, files, strict=True)
        for group in file
        for term in _sought(group)
        if _is_new(name, term, digests)
    }
    return tuple(found)


def _with_new_deciding(group: Group, name: str, known: Collection[int]) -> Group:
    def weighed(term: Term) -> Term:
        return replace(term, weight=DECIDES) if _is_new(name, term, known) else term

    return replace(
        group,
        plain=[weighed(term) for term in group.plain],
        required=[tuple(weighed(term) for term in choice) for choice in group.required],
    )


def _is_new(name: str, term: Term, known: Collection[int]) -> bool:
    return FULL <= term.weight < DECIDES and _digest(name, term) not in known


def _sought(group: Group) -> Iterator[Term]:
    yield from group.plain
    for choice in group.required:
        yield from choice


def _digest(name: str, term: Term) -> int:
    """32 bits: one new word in some hundred thousand is taken for a known one."""
    told = "\n".join((name, term.text, str(term.whole), str(term.regex), term.where))
    content = told.encode("utf-8", "ignore")
    return int.from_bytes(hashlib.blake2b(content, digest_size=4).digest(), "little")

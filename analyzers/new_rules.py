"""Rules and what a model knows of them in, the rules that it does not know made to decide out.

A model can't weigh a word that it was not fitted beside: until it is fitted anew, such a word says
its topic as if nobody had fitted anything. Called when a tagger is made, and by train.py.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analyzers.rule_syntax import Group, Term

# A rule of this weight (`word ^5`) decides, whatever the classifier says.
DECIDES = 5.0
# Lighter ones, and those that count in danger alone, are meant to be weighed.
FULL = 1.0
# They stand if nothing else does: no word of theirs pushes out what a post is about.
LAST = {"topics/not_education", "topics/education_other"}

Files = Sequence[Sequence[Group]]
Digests = NDArray[np.uint32]


def rule_digests(names: Sequence[str], files: Files) -> Digests:
    """Of all reasons that count in full, in ascending order."""
    named = zip(names, files, strict=True)
    told = {_digest(name, *each) for name, file in named for each in _reasons(file)}
    return np.array(sorted(told), np.uint32)


class Knowledge:
    """What a model knows: `rules` of `rule_digests`, and the classes of its heads."""

    def __init__(self, rules: Digests, classes: Mapping[str, Sequence[str]]) -> None:
        self._rules = set(rules.tolist())
        # Topics that it does not know are left to the rules, and danger is theirs in any case.
        weighed = {
            f"{head}/{name}" for head in ("topics", "owed") for name in classes.get(head, ())
        }
        self._weighed = weighed - LAST

    def new_words(self, names: Sequence[str], files: Files) -> tuple[str, ...]:
        """What `deciding` raises, as it is written."""
        found = {
            term.text: None
            for name, file in zip(names, files, strict=True)
            for group, term in _reasons(file)
            if self._is_new(name, group, term)
        }
        return tuple(found)

    def deciding(self, names: Sequence[str], files: Files) -> list[list[Group]]:
        """The files, where each new reason of full weight has that of one that decides."""
        return [
            [self._with_new_deciding(name, group) for group in file]
            for name, file in zip(names, files, strict=True)
        ]

    def _with_new_deciding(self, name: str, group: Group) -> Group:
        def weighed(term: Term) -> Term:
            return replace(term, weight=DECIDES) if self._is_new(name, group, term) else term

        if group.plain:
            return replace(group, plain=[weighed(term) for term in group.plain])
        required = [tuple(weighed(term) for term in choice) for choice in group.required]
        return replace(group, required=required)

    def _is_new(self, name: str, group: Group, term: Term) -> bool:
        if name not in self._weighed or not FULL <= term.weight < DECIDES:
            return False
        return _digest(name, group, term) not in self._rules


def _reasons(file: Sequence[Group]) -> Iterator[tuple[Group, Term]]:
    """The terms for which a group says what it says: its plain ones, or, without any, those that it
    requires."""
    for group in file:
        for term in group.plain or [term for choice in group.required for term in choice]:
            if term.weight >= FULL:
                yield group, term


def _digest(name: str, group: Group, term: Term) -> int:
    """32 bits: one new word in some hundred thousand is taken for a known one."""
    told = [name, *_told(term)]
    if not group.plain:
        # Such a group says something only as a whole.
        told += sorted("|".join(sorted(each.text for each in choice)) for choice in group.required)
    content = "\n".join(told).encode("utf-8", "ignore")
    return int.from_bytes(hashlib.blake2b(content, digest_size=4).digest(), "little")


def _told(term: Term) -> tuple[str, ...]:
    return term.text, str(term.whole), str(term.regex), term.where

"""What rules and classifier found in a post in, its tags and why each stands out. Pure.

Without a classifier the rules decide alone; with one they are part of what it weighs, and a rule
of great weight decides against it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyzers.classify import Floats, Model, Scores, strongest
from analyzers.keywords import RuleMatch
from schemas.posts import Owed, Post, SourceKind, Why

NOT_EDUCATION = "not_education"
MOST_TOPICS = 3
# A topic whose score is a smaller share of the first one's is a passing word.
CENTRAL_SHARE = 0.5
MOST_WORDS = 8
# A rule of this weight (`word ^5`) decides, whatever the classifier says.
DECIDES = 5.0
# Danger by rules alone takes a rule of this weight: lighter ones, however many, are hints for the
# classifier.
DANGER_WEIGHT = 1.0
DANGER = "danger"

Matches = dict[str, RuleMatch]


@dataclass
class Decided:
    """`danger`, `owed` and so on as in Tags; `why` grows with each."""

    topics: tuple[str, ...] = ()
    owed: Owed = Owed.MENTION
    danger: bool = False
    department: str | None = None
    why: list[Why] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """What was found in one post: by the rules, per file, and by the classifier, if there is one.

    `known`: the rows of its words in the model.
    """

    post: Post
    topics: Matches
    owed: Matches
    danger: RuleMatch | None


class RuleDecisions:
    """By the rules alone. `harm`: topics that come first among equals."""

    def __init__(self, harm: set[str]) -> None:
        self._harm = harm

    def decide(self, found: Found) -> Decided:
        sure = found.danger is not None and found.danger.heaviest >= DANGER_WEIGHT
        danger = found.danger if sure else None
        topics = self._central(found.topics, danger is not None)
        owed = sorted(found.owed.items(), key=lambda each: -each[1].score)[:1]
        tagged = [*topics, *owed, *([(DANGER, danger)] if danger else [])]
        return Decided(
            topics=tuple(key for key, _ in topics),
            owed=Owed(owed[0][0]) if owed else unsaid(found.post, danger is not None),
            danger=danger is not None,
            why=[rule_why(tag, match) for tag, match in tagged],
        )

    def _central(self, matches: Matches, danger: bool) -> list[tuple[str, RuleMatch]]:
        """Words of weight 0 count in danger alone, so that it does not go without a topic."""
        found = [(key, match) for key, match in matches.items() if match.score or danger]
        about = [(key, match) for key, match in found if key != NOT_EDUCATION]
        ranked = sorted(about, key=lambda each: (-each[1].score, each[0] not in self._harm))
        least = ranked[0][1].score * CENTRAL_SHARE if ranked else 0.0
        return [each for each in ranked if each[1].score >= least][:MOST_TOPICS] or found


def unsaid(post: Post, danger: bool) -> Owed:
    """No rule says what is owed: who tells of danger wants help; an outlet or office reports."""
    reports = post.source_kind in (SourceKind.NEWS, SourceKind.NOTICE)
    return Owed.COMPLAINT if danger and not reports else Owed.MENTION


def rule_why(tag: str, match: RuleMatch) -> Why:
    return Why(tag=tag, by="rule", words=match.words[:MOST_WORDS])


@dataclass(frozen=True)
class Weighed:
    """One post's part of the classifier's scores: a probability a column, and its words."""

    probabilities: Sequence[float]
    words: Sequence[str]
    rows: NDArray[np.int64]


class _Read(NamedTuple):
    """The same, with what each word (column) speaks for each class (row)."""

    probabilities: Sequence[float]
    words: Sequence[str]
    shares: Floats


class ModelDecisions:
    """By rules and classifier together; topics that it does not know are left to the rules, and
    those that it knows beyond the configured `topics` are never said.
    """

    def __init__(self, model: Model, rules: RuleDecisions, topics: Collection[str]) -> None:
        self._model, self._rules = model, rules
        slices, self._classes = model.columns.slices, model.columns.classes
        self._starts = {head: place.start for head, place in slices.items()}
        self._thresholds = model.thresholds.tolist()
        known = enumerate(self._classes.get("topics", ()), self._starts.get("topics", 0))
        self._topics = {key: column for column, key in known if key in topics}

    def decide(self, found: Found, scored: Weighed) -> Decided:
        by_rules = self._rules.decide(found)
        if not scored.words:
            return by_rules
        shares = self._model.shares(scored.rows)
        weighed = _Read(scored.probabilities, scored.words, shares)
        decided = Decided(why=[])
        self._danger(decided, by_rules, found, weighed)
        if self._topics:
            self._add_topics(decided, by_rules, found, weighed)
        else:
            decided.topics = by_rules.topics
            decided.why += [rule_why(key, found.topics[key]) for key in by_rules.topics]
        self._add_owed(decided, by_rules, found, weighed)
        if "department" in self._classes:
            column, name = self._best("department", weighed)
            decided.department = name
            decided.why.append(self._why("department", column, weighed))
        return decided

    def _add_topics(
        self, decided: Decided, by_rules: Decided, found: Found, weighed: _Read
    ) -> None:
        scored = {key: weighed.probabilities[column] for key, column in self._topics.items()}
        # Between equals the rules' order stands, so this is a dict and no set.
        said = dict.fromkeys(key for key in by_rules.topics if key not in scored)
        said |= dict.fromkeys(key for key, each in found.topics.items() if each.heaviest >= DECIDES)
        said |= dict.fromkeys(
            key for key, column in self._topics.items() if scored[key] >= self._thresholds[column]
        )
        said[max(scored, key=scored.__getitem__)] = None
        ranked = sorted(said, key=lambda key: -self._rank(key, scored, found.topics))
        if ranked[0] == NOT_EDUCATION:
            # It forms no matter: danger that the rules can place is not left without one.
            placed = decided.danger and by_rules.topics not in ((), (NOT_EDUCATION,))
            ranked = [*by_rules.topics] if placed else ranked[:1]
        decided.topics = tuple(key for key in ranked if key != NOT_EDUCATION)[:MOST_TOPICS]
        decided.topics = decided.topics or tuple(ranked[:1])
        for key in decided.topics:
            if match := found.topics.get(key):
                decided.why.append(rule_why(key, match))
            if key in scored:
                decided.why.append(self._why(key, self._topics[key], weighed))

    def _rank(self, key: str, scored: dict[str, float], matches: Matches) -> float:
        match = matches.get(key)
        certain = match.heaviest >= DECIDES if match else False
        return scored.get(key, 1.0) + certain

    def _add_owed(self, decided: Decided, by_rules: Decided, found: Found, weighed: _Read) -> None:
        if "owed" not in self._classes:
            # Who tells of danger wants help, whether rules or classifier saw it.
            said = by_rules.owed if found.owed else unsaid(found.post, decided.danger)
            decided.owed = said
            decided.why += [rule_why(said, found.owed[said])] if found.owed else []
            return
        heaviest = max(found.owed.items(), key=lambda each: each[1].heaviest, default=None)
        if heaviest and heaviest[1].heaviest >= DECIDES:
            decided.owed = Owed(heaviest[0])
            decided.why.append(rule_why(*heaviest))
            return
        column, name = self._best("owed", weighed)
        decided.owed = Owed(name)
        if match := found.owed.get(name):
            decided.why.append(rule_why(name, match))
        decided.why.append(self._why(name, column, weighed))

    def _danger(self, decided: Decided, by_rules: Decided, found: Found, weighed: _Read) -> None:
        if DANGER not in self._classes:
            decided.danger = by_rules.danger
        else:
            column = self._starts[DANGER]
            likely = weighed.probabilities[column] >= self._thresholds[column]
            # A rule that says so is never talked out of it: danger missed costs more.
            decided.danger = by_rules.danger or likely
            if likely:
                decided.why.append(self._why(DANGER, column, weighed))
        if decided.danger and found.danger:
            decided.why.append(rule_why(DANGER, found.danger))

    def _best(self, head: str, weighed: _Read) -> tuple[int, str]:
        start, names = self._starts[head], self._classes[head]
        scores = weighed.probabilities[start : start + len(names)]
        best = max(range(len(names)), key=scores.__getitem__)
        return start + best, names[best]

    def _why(self, tag: str, column: int, weighed: _Read) -> Why:
        words = strongest(weighed.words, weighed.shares[column].tolist())
        score = round(weighed.probabilities[column], 3)
        return Why(tag=tag, by="model", words=words, score=score)


def weighed_posts(scores: Scores, words: Sequence[Sequence[str]]) -> list[Weighed]:
    """Each post's part."""
    ends = np.searchsorted(scores.posts, np.arange(len(words) + 1))
    probabilities = scores.probabilities.tolist()
    return [
        Weighed(probabilities[index], each, scores.rows[ends[index] : ends[index + 1]])
        for index, each in enumerate(words)
    ]

"""What rules and classifier found in a post in, its tags and why each stands out. Pure.

Without a classifier the rules decide alone; with one they are part of what it weighs, and a rule
of great weight decides against it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import NamedTuple

from analyzers.classify import Model, Rows, Scores, is_long, strongest
from analyzers.keywords import RuleMatch
from analyzers.model_files import TOPICS
from analyzers.new_rules import DECIDES
from schemas.posts import Owed, Post, SourceKind, Why

NOT_EDUCATION = "not_education"
MOST_TOPICS = 3
# A topic whose score is a smaller share of the first one's is a passing word.
CENTRAL_SHARE = 0.5
MOST_WORDS = 8
# Of danger it is believed from this probability on that it is of a topic that forms no matter: to
# miss one that is not is worse than three that are.
ELSEWHERE = 0.75
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


class Found(NamedTuple):
    """What the rules found in one post, per file."""

    post: Post
    topics: Matches
    owed: Matches
    danger: RuleMatch | None

    @property
    def is_long(self) -> bool:
        return is_long(self.post.title, self.post.body)


class RuleDecisions:
    """By the rules alone. `harm`: topics that come first among equals."""

    def __init__(self, harm: set[str]) -> None:
        self._harm = harm

    def decide(self, found: Found) -> Decided:
        danger = self.danger(found)
        topics = self.topics(found, danger is not None)
        owed = self.owed(found)
        tagged = [*topics, *([owed] if owed else []), *([(DANGER, danger)] if danger else [])]
        return Decided(
            topics=tuple(key for key, _ in topics),
            owed=Owed(owed[0]) if owed else unsaid(found.post, danger is not None),
            danger=danger is not None,
            why=[rule_why(tag, match) for tag, match in tagged],
        )

    def danger(self, found: Found) -> RuleMatch | None:
        """What makes it danger whatever else is said."""
        sure = found.danger is not None and found.danger.heaviest >= DANGER_WEIGHT
        return found.danger if sure else None

    def owed(self, found: Found) -> tuple[str, RuleMatch] | None:
        return max(found.owed.items(), key=lambda each: each[1].score, default=None)

    def topics(self, found: Found, danger: bool) -> list[tuple[str, RuleMatch]]:
        """Words of weight 0 count in danger alone, so that it does not go without a topic."""
        counted = [(key, match) for key, match in found.topics.items() if match.score or danger]
        about = [(key, match) for key, match in counted if key != NOT_EDUCATION]
        ranked = sorted(about, key=lambda each: (-each[1].score, each[0] not in self._harm))
        least = ranked[0][1].score * CENTRAL_SHARE if ranked else 0.0
        return [each for each in ranked if each[1].score >= least][:MOST_TOPICS] or counted


def unsaid(post: Post, danger: bool) -> Owed:
    """No rule says what is owed: who tells of danger wants help; an outlet or office reports."""
    reports = post.source_kind in (SourceKind.NEWS, SourceKind.NOTICE)
    return Owed.COMPLAINT if danger and not reports else Owed.MENTION


def rule_why(tag: str, match: RuleMatch) -> Why:
    return Why(tag=tag, by="rule", words=match.words[:MOST_WORDS])


class Weighed(NamedTuple):
    """One post's part of the classifier's scores: a probability a column, and the rows of its words
    in the model."""

    probabilities: Sequence[float]
    words: Sequence[str]
    rows: Rows


class ModelDecisions:
    """By rules and classifier together; topics that it does not know are left to the rules, and
    those that it knows beyond the configured `topics` are never said. `silent` form no matter.
    """

    def __init__(
        self,
        model: Model,
        rules: RuleDecisions,
        topics: Collection[str],
        silent: Collection[str] = (NOT_EDUCATION,),
    ) -> None:
        self._model, self._rules, self._silent = model, rules, silent
        slices, self._classes = model.columns.slices, model.columns.classes
        self._places = {head: (place.start, place.stop) for head, place in slices.items()}
        # Of short texts, and of long ones.
        short, long = (self._columns(head, topics) for head in TOPICS)
        self._topics = (short, long or short)
        self._keys = tuple(short)
        self._thresholds: list[list[float]] = model.thresholds.tolist()
        self._least = [
            [least[column] for column in columns.values()]
            for least, columns in zip(self._thresholds, self._topics, strict=True)
        ]

    def _columns(self, head: str, topics: Collection[str]) -> dict[str, int]:
        start = self._places.get(head, (0, 0))[0]
        known = enumerate(self._classes.get(head, ()), start)
        return {key: column for column, key in known if key in topics}

    def decide(self, found: Found, scored: Weighed) -> Decided:
        if not scored.words:
            return self._rules.decide(found)
        decided = Decided()
        self._add_danger(decided, found, scored)
        if self._keys:
            self._add_topics(decided, found, scored)
        else:
            by_rules = self._rules.topics(found, self._rules.danger(found) is not None)
            decided.topics = tuple(key for key, _ in by_rules)
            decided.why += [rule_why(*each) for each in by_rules]
        if "owed" in self._classes:
            self._add_owed(decided, found, scored)
        else:
            # Who tells of danger wants help, whether rules or classifier saw it.
            said = self._rules.owed(found)
            decided.owed = Owed(said[0]) if said else unsaid(found.post, decided.danger)
            decided.why += [rule_why(*said)] if said else []
        if "department" in self._classes:
            column, decided.department = self._best("department", scored)
            decided.why.append(_scored_why("department", scored.probabilities[column]))
        return decided

    def _add_danger(self, decided: Decided, found: Found, scored: Weighed) -> None:
        match = found.danger
        # A rule that says so is never talked out of it: danger missed costs more.
        decided.danger = self._rules.danger(found) is not None
        if DANGER in self._classes:
            column = self._places[DANGER][0]
            if scored.probabilities[column] >= self._thresholds[found.is_long][column]:
                decided.danger = True
                decided.why.append(self._why(DANGER, column, scored, match))
        if decided.danger and match:
            decided.why.append(rule_why(DANGER, match))

    def _add_topics(self, decided: Decided, found: Found, scored: Weighed) -> None:
        ranked = self._ranked(found, scored)
        first = ranked[0]
        if first == NOT_EDUCATION:
            ranked = ranked[:1]
        if first in self._silent and decided.danger and self._may_be_ours(first, found, scored):
            # Danger that may be ours is not left without a matter.
            ranked = [self._likeliest_of_ours(found, scored), *ranked]
        about = [key for key in dict.fromkeys(ranked) if key != NOT_EDUCATION][:MOST_TOPICS]
        decided.topics = tuple(about or ranked[:1])
        columns = self._topics[found.is_long]
        for key in decided.topics:
            if match := found.topics.get(key):
                decided.why.append(rule_why(key, match))
            if key in columns:
                decided.why.append(self._why(key, columns[key], scored, match))

    def _ranked(self, found: Found, scored: Weighed) -> list[str]:
        """All topics that are said, the likeliest first; between equals the rules' come first."""
        said: list[str] = []
        columns = self._topics[found.is_long]
        if not columns.keys() >= found.topics.keys():
            by_rules = self._rules.topics(found, self._rules.danger(found) is not None)
            said += [key for key, _ in by_rules if key not in columns]
        said += [key for key, match in found.topics.items() if match.heaviest >= DECIDES]
        scores = [scored.probabilities[column] for column in columns.values()]
        likely = zip(columns, scores, self._least[found.is_long], strict=True)
        said += [key for key, score, least in likely if score >= least]
        said.append(self._keys[scores.index(max(scores))])
        if len(said) == 1:
            return said
        said = list(dict.fromkeys(said))
        said.sort(key=lambda key: self._rank(key, found, scored), reverse=True)
        return said

    def _rank(self, key: str, found: Found, scored: Weighed) -> float:
        """First is what the classifier does not know, or the rules are certain of."""
        match, column = found.topics.get(key), self._topics[found.is_long].get(key)
        certain = match is not None and match.heaviest >= DECIDES
        return (1.0 if column is None else scored.probabilities[column]) + certain

    def _may_be_ours(self, first: str, found: Found, scored: Weighed) -> bool:
        """Whether the rules see any other topic, and the classifier is not sure of the first."""
        by_rules = self._rules.topics(found, self._rules.danger(found) is not None)
        seen = any(key not in self._silent for key, _ in by_rules)
        return seen and self._rank(first, found, scored) < ELSEWHERE

    def _likeliest_of_ours(self, found: Found, scored: Weighed) -> str:
        columns = self._topics[found.is_long].items()
        likely = {key: scored.probabilities[at] for key, at in columns if key not in self._silent}
        return max(likely, key=lambda key: likely[key], default=NOT_EDUCATION)

    def _add_owed(self, decided: Decided, found: Found, scored: Weighed) -> None:
        heaviest = max(found.owed.items(), key=lambda each: each[1].heaviest, default=None)
        if heaviest and heaviest[1].heaviest >= DECIDES:
            decided.owed = Owed(heaviest[0])
            decided.why.append(rule_why(*heaviest))
            return
        column, name = self._best("owed", scored)
        decided.owed = Owed(name)
        match = found.owed.get(name)
        if match:
            decided.why.append(rule_why(name, match))
        if decided.owed is Owed.MENTION:
            decided.why.append(_scored_why(name, scored.probabilities[column]))
        else:
            decided.why.append(self._why(name, column, scored, match))

    def _best(self, head: str, scored: Weighed) -> tuple[int, str]:
        start, stop = self._places[head]
        scores = scored.probabilities[start:stop]
        best = scores.index(max(scores))
        return start + best, self._classes[head][best]

    def _why(self, tag: str, column: int, scored: Weighed, match: RuleMatch | None) -> Why:
        """The words of the post only where no rule names any: these can be trusted more."""
        probability = scored.probabilities[column]
        if match:
            return _scored_why(tag, probability)
        words = strongest(scored.words, self._model.shares(scored.rows, column))
        return Why(tag=tag, by="model", words=words, score=round(probability, 3))


def _scored_why(tag: str, probability: float) -> Why:
    return Why(tag=tag, by="model", words=(), score=round(probability, 3))


def weighed_posts(scores: Scores, words: Sequence[Sequence[str]]) -> list[Weighed]:
    """Each post's part."""
    ends = [0, *accumulate(map(len, words))]
    probabilities = scores.probabilities.tolist()
    return [
        Weighed(each, of_post, scores.rows[start:end])
        for each, of_post, (start, end) in zip(probabilities, words, pairwise(ends), strict=True)
    ]

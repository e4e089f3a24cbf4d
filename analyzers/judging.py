"""Labelled samples and the tags they got in, a report of scores and the worst rows out. Pure.

Called by `huisheng train` and `huisheng evaluate`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from analyzers.labelled import ALONE, FEWEST, HEADS, Sample
from analyzers.scoring import Calibration, Confusion, Scores, calibration, confusion, score
from schemas.posts import Tags

ANY_TOPIC = f"any but {ALONE}"
# What it costs when a post is read wrongly: a danger that is missed most.
COSTS = {"owed": 1.0, "department": 1.0}
MISSED_DANGER, FALSE_DANGER = 3.0, 2.0


@dataclass(frozen=True)
class HeadReport:
    """What one head did on the rows where it was judged."""

    head: str
    rows: int
    scores: Scores
    confusion: Confusion | None
    calibration: Calibration | None

    @property
    def measure(self) -> tuple[str, float]:
        """The one number by which models are compared, and its name."""
        if self.head in ("topics", "danger"):
            return ("F1" if self.head == "danger" else "micro-F1"), self.scores.micro.value
        return "macro-F1", self.scores.macro.value


@dataclass(frozen=True)
class Marked:
    """What was found on rows where a head was not judged: the share that each class got."""

    head: str
    rows: int
    found: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Report:
    rows: int
    heads: tuple[HeadReport, ...]
    marked: tuple[Marked, ...]

    def measures(self) -> dict[str, float]:
        """What can be measured: without a danger post, nothing is known of danger."""
        told = {each.head: each.measure[1] for each in self.heads}
        return {head: value for head, value in told.items() if isfinite(value)}


@dataclass(frozen=True)
class WorstRow:
    """Where a row stands, with its labels and what was found: never its text."""

    place: str
    cost: float
    heads: tuple[tuple[str, str, str], ...]


def judge(samples: Sequence[Sample], tags: Sequence[Tags], seed: int = 0) -> Report:
    """Each head over the rows that say what is right; what it found on the others."""
    heads, marked = [], []
    for head in HEADS:
        rows = [(sample.labels(head), found) for sample, found in zip(samples, tags, strict=True)]
        judged = [(truth, found) for truth, found in rows if truth is not None]
        if judged:
            heads.append(_judged(head, judged, seed))
        others = [_found(found, head) for truth, found in rows if truth is None]
        counts = Counter(label for each in others for label in each)
        if counts:
            if head == "topics":
                counts[ANY_TOPIC] = sum(bool(set(each) - {ALONE}) for each in others)
            marked.append(Marked(head, len(others), tuple(counts.most_common())))
    return Report(len(samples), tuple(heads), tuple(marked))


def _judged(head: str, rows: Sequence[tuple[tuple[str, ...], Tags]], seed: int) -> HeadReport:
    truth, found = [labels for labels, _ in rows], [_found(tags, head) for _, tags in rows]
    return HeadReport(
        head,
        len(rows),
        score(truth, found, FEWEST if len(rows) > FEWEST else 1, seed),
        confusion(truth, found) if head != "danger" else None,
        _calibrated(head, rows),
    )


def _found(tags: Tags, head: str) -> tuple[str, ...]:
    if head == "topics":
        return tags.topics
    if head == "danger":
        return ("danger",) * tags.danger
    value = tags.owed.value if head == "owed" else tags.department
    return (value,) if value else ()


def _calibrated(head: str, rows: Sequence[tuple[tuple[str, ...], Tags]]) -> Calibration | None:
    """Over the tags that a model gave, with the score it gave them."""
    scored = [
        (why.score, why.tag in truth)
        for truth, tags in rows
        for why in tags.why
        if why.score is not None and why.tag in _found(tags, head)
    ]
    if not scored:
        return None
    return calibration([value for value, _ in scored], [right for _, right in scored])


def worst(samples: Sequence[Sample], tags: Sequence[Tags], most: int) -> list[WorstRow]:
    """The rows that were read most wrongly, the surest tags first among equals."""
    rows = []
    for sample, found in zip(samples, tags, strict=True):
        cost = sum(_cost(sample, found, head) for head in HEADS)
        if cost:
            sure = max((why.score or 0.0 for why in found.why), default=0.0)
            rows.append(
                (-cost, -sure, sample.place, WorstRow(sample.place, cost, _told(sample, found)))
            )
    return [row for *_, row in sorted(rows, key=lambda each: each[:3])[:most]]


def _cost(sample: Sample, tags: Tags, head: str) -> float:
    truth, found = sample.labels(head), _found(tags, head)
    if truth is None or truth == found:
        return 0.0
    if head == "danger":
        return MISSED_DANGER if truth else FALSE_DANGER
    if head == "topics":
        shared = set(truth) & set(found)
        return 1.0 - 2 * len(shared) / (len(set(truth)) + len(set(found)))
    return COSTS[head]


def _told(sample: Sample, tags: Tags) -> tuple[tuple[str, str, str], ...]:
    pairs = ((head, sample.labels(head), _found(tags, head)) for head in HEADS)
    return tuple(
        (head, " ".join(truth), " ".join(told)) for head, truth, told in pairs if truth is not None
    )

"""A correction as an operator gives it: checked against the stored post and written.

The page and the command line call it. The stored tags stay as they are: a correction is for
training and for counting agreement.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from runtime.clock import Clock
from runtime.mask import mask
from runtime.text import squeeze
from schemas.corrections import Correction, Labels
from schemas.posts import Owed
from storage.corrections import insert_correction
from storage.store import PAGE_LIMITS, Row, Store

OPERATOR_LENGTH = 40
NOTE_LENGTH = 500
DEPARTMENT_LENGTH = 40
MOST_TOPICS = 3
NOT_EDUCATION = "not_education"

# An id has one counted_at; of the copies that an edit or a retag left the last one stands.
JUDGED = """
SELECT counted_at, topics, owed, danger, department, rules_version, model_version
FROM posts
WHERE source = {source:String} AND id = {id:String}
ORDER BY inserted_at DESC
LIMIT 1
"""


@dataclass(frozen=True)
class CorrectionRequest:
    """As typed. What is None stays as it is tagged; `confirm`: all of it, and nothing is given."""

    source: str
    post_id: str
    operator: str
    topics: tuple[str, ...] | None = None
    owed: str | None = None
    danger: bool | None = None
    department: str | None = None
    confirm: bool = False
    note: str = ""

    @property
    def says_nothing(self) -> bool:
        return all(said is None for said in (self.topics, self.owed, self.danger, self.department))


class CorrectionProblem(StrEnum):
    OPERATOR = "operator"
    NOTE_LONG = "note_long"
    NOTHING = "nothing"
    BOTH = "both"
    POST = "post"
    TOPIC = "topic"
    TOPICS = "topics"
    TWICE = "twice"
    ALONE = "alone"
    OWED = "owed"
    DEPARTMENT = "department"


PROBLEMS = {
    CorrectionProblem.OPERATOR: (
        f"the name has {{found}} characters; sign with 1 to {OPERATOR_LENGTH} (--by)"
    ),
    CorrectionProblem.NOTE_LONG: f"the note has {{found}} characters; at most {NOTE_LENGTH}",
    CorrectionProblem.NOTHING: "says nothing; give topics, owed, danger or department, or confirm",
    CorrectionProblem.BOTH: "confirms the tags and gives others; do one of the two",
    CorrectionProblem.POST: (
        "no post {found} is stored; take source and id from v_posts (its text may be past the "
        "retention)"
    ),
    CorrectionProblem.TOPIC: "topic {found} is unknown; the topics are those of config/topics",
    CorrectionProblem.TOPICS: f"{{found}} topics are given; give 1 to {MOST_TOPICS}",
    CorrectionProblem.TWICE: "topic {found} is given twice; name it once",
    CorrectionProblem.ALONE: f"{NOT_EDUCATION} stands beside {{found}}; it can only stand alone",
    CorrectionProblem.OWED: (
        f"owed is {{found}}; it must be one of {', '.join(owed.value for owed in Owed)}"
    ),
    CorrectionProblem.DEPARTMENT: (
        f"the department has {{found}} characters; at most {DEPARTMENT_LENGTH}"
    ),
}


class CorrectionRefused(Exception):
    """Finding and remedy, in English as `str()`; the page words `problem` in its own languages."""

    def __init__(self, problem: CorrectionProblem, found: object = "") -> None:
        self.problem, self.found = problem, found
        super().__init__(PROBLEMS[problem].replace("{found}", str(found)))


def write_correction(
    store: Store, request: CorrectionRequest, clock: Clock, topics: Collection[str]
) -> Correction:
    """Write it and return it; raises CorrectionRefused. `topics`: all keys of the configuration.

    Phone numbers and other contacts in the note are masked.
    """
    operator, note = squeeze(request.operator), mask(squeeze(request.note))
    _check_texts(operator, note)
    if request.confirm != request.says_nothing:
        both = request.confirm
        raise CorrectionRefused(CorrectionProblem.BOTH if both else CorrectionProblem.NOTHING)
    found = store.rows(JUDGED, {"source": request.source, "id": request.post_id}, PAGE_LIMITS)
    if not found:
        raise CorrectionRefused(CorrectionProblem.POST, f"{request.source} {request.post_id}"[:120])
    was = _was(found[0])
    correction = Correction(
        source=request.source,
        post_id=request.post_id,
        counted_at=found[0][0],
        at=clock.now(),
        operator=operator,
        said=was if request.confirm else _said(request, was, topics),
        was=was,
        rules_version=found[0][5],
        model_version=found[0][6],
        note=note,
    )
    insert_correction(store, correction)
    return correction


def _check_texts(operator: str, note: str) -> None:
    if not 1 <= len(operator) <= OPERATOR_LENGTH:
        raise CorrectionRefused(CorrectionProblem.OPERATOR, len(operator))
    if len(note) > NOTE_LENGTH:
        raise CorrectionRefused(CorrectionProblem.NOTE_LONG, len(note))


def _was(row: Row) -> Labels:
    _, topics, owed, danger, department, *_ = row
    return Labels(topics=tuple(topics), owed=Owed(owed), danger=danger, department=department)


def _said(request: CorrectionRequest, was: Labels, known: Collection[str]) -> Labels:
    if request.topics is not None:
        _check_topics(request.topics, known)
    department = squeeze(request.department or "")
    if len(department) > DEPARTMENT_LENGTH:
        raise CorrectionRefused(CorrectionProblem.DEPARTMENT, len(department))
    return Labels(
        topics=was.topics if request.topics is None else request.topics,
        owed=was.owed if request.owed is None else _owed(request.owed),
        danger=was.danger if request.danger is None else request.danger,
        department=was.department if request.department is None else department,
    )


def _check_topics(topics: tuple[str, ...], known: Collection[str]) -> None:
    if not 1 <= len(topics) <= MOST_TOPICS:
        raise CorrectionRefused(CorrectionProblem.TOPICS, len(topics))
    for topic in topics:
        if topic not in known:
            raise CorrectionRefused(CorrectionProblem.TOPIC, repr(topic[:40]))
        if topics.count(topic) > 1:
            raise CorrectionRefused(CorrectionProblem.TWICE, topic)
    if NOT_EDUCATION in topics and len(topics) > 1:
        others = ", ".join(topic for topic in topics if topic != NOT_EDUCATION)
        raise CorrectionRefused(CorrectionProblem.ALONE, others)


def _owed(said: str) -> Owed:
    try:
        return Owed(said)
    except ValueError as error:
        raise CorrectionRefused(CorrectionProblem.OWED, repr(said[:40])) from error

"""A CSV of labelled posts in, samples out, with all that is wrong in it told at once.

What enters is an office's own file; called by `huisheng train` and `huisheng evaluate`."""

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from runtime.settings import ConfigProblems
from runtime.text import normalise
from schemas.posts import Owed, Post, SourceKind

HEADS = ("topics", "owed", "danger", "department")
TEXTS = ("title", "body", "text", "tokens")
COLUMNS = (*TEXTS, *HEADS, "source_kind", "weight")
# Posts that were invented for this project; `--data shipped` on the command line.
INVENTED = Path(__file__).parent / "posts" / "invented.csv"
MOST_WEIGHT = 100.0
ALONE = "not_education"
# A class with fewer samples than this is left to the rules.
FEWEST = 10
MOST_SHOWN = 20

_BOOLEAN = {"0": False, "1": True, "false": False, "true": True, "否": False, "是": True}
_FACTOR = re.compile(r"\d+(\.\d+)?")
_SURROGATES = re.compile(r"[\ud800-\udfff]")

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Sample:
    """A text and what was judged of it; None is not judged. `place`: file:line.

    `tokens`: `body` is words that were cut already, with a space between each two. `weight`: for
    how many posts it counts when a model is fitted.
    """

    title: str
    body: str
    topics: tuple[str, ...] | None
    owed: Owed | None
    danger: bool | None
    department: str | None
    source_kind: SourceKind
    place: str
    tokens: bool = False
    weight: float = 1.0

    @cached_property
    def key(self) -> str:
        """Two samples with the same are the same text."""
        return normalise(f"{self.title}\n{self.body}")

    def digest(self) -> int:
        """32 bits of the text's digest: enough to know it by, and nothing to read in it."""
        content = self.key.encode("utf-8", "ignore")
        return int.from_bytes(hashlib.blake2b(content, digest_size=4).digest(), "little")

    def labels(self, head: str) -> tuple[str, ...] | None:
        """The classes of one of HEADS; of danger, ("danger",) or none at all."""
        if head == "topics":
            return self.topics
        if head == "danger":
            return None if self.danger is None else ("danger",) * self.danger
        value = self.owed.value if head == "owed" and self.owed else None
        value = self.department if head == "department" else value
        return (value,) if value else None

    def post(self) -> Post:
        return Post(
            id=self.place,
            source="labelled",
            source_kind=self.source_kind,
            url="",
            title=self.title,
            body=self.body,
            published_at=None,
        )


def read_labelled(
    path: Path, topics_known: Collection[str], tell: Tell = lambda note: None
) -> list[Sample]:
    """The rows of a CSV, each text once; `tell` gets what was passed over, a line each.

    Raises ConfigProblems: every bad row with file:line, finding and remedy.
    """
    problems: list[str] = []
    samples = list(_samples(path, frozenset(topics_known), tell, problems))
    if problems:
        raise ConfigProblems(problems)
    return fold_equal(samples, tell)


def read_files(
    paths: Sequence[Path], topics_known: Collection[str], tell: Tell = lambda note: None
) -> list[Sample]:
    """The same over several files, with the problems of all of them."""
    problems: list[str] = []
    samples: list[Sample] = []
    for path in paths:
        try:
            place, weight = place_and_weight(path)
            found = read_labelled(place, topics_known, tell)
            samples += [replace(each, weight=each.weight * weight) for each in found]
        except ConfigProblems as error:
            problems += error.problems
    if problems:
        raise ConfigProblems(problems)
    return fold_equal(samples, tell)


def place_and_weight(path: Path) -> tuple[Path, float]:
    """`shipped` and `file.csv@2`: each row counts for so many."""
    name, at, number = str(path).rpartition("@")
    weighed = at and not path.exists() and _FACTOR.fullmatch(number)
    place = Path(name) if weighed else path
    return INVENTED if str(place) == "shipped" else place, float(number) if weighed else 1.0


def fold_equal(samples: Sequence[Sample], tell: Tell) -> list[Sample]:
    """Each text once: what the first row leaves open is taken from the later ones."""
    first: dict[str, Sample] = {}
    folded, conflicts = [], []
    for sample in samples:
        key = sample.key
        kept = first.setdefault(key, sample)
        if kept is sample:
            continue
        folded.append(f"{sample.place} = {kept.place}")
        if differing := _differing(kept, sample):
            conflicts.append(
                f"{sample.place}: the same text as {kept.place} with other labels "
                f"({', '.join(differing)}); the first row's stand, mend one of them"
            )
        first[key] = _filled(kept, sample)
    if folded:
        tell(f"{len(folded)} rows folded into an earlier one of the same text: {_some(folded)}")
    for line in conflicts[:MOST_SHOWN]:
        tell(line)
    if len(conflicts) > MOST_SHOWN:
        tell(f"and {len(conflicts) - MOST_SHOWN} more rows with other labels for the same text")
    return list(first.values())


def class_counts(samples: Iterable[Sample], head: str) -> Counter[str]:
    """How many samples each class of a head has."""
    return Counter(label for sample in samples for label in sample.labels(head) or ())


def scarce(samples: Sequence[Sample], head: str) -> dict[str, int]:
    """Classes with too few samples to be learned: the rules keep them."""
    counts = class_counts(samples, head)
    return {label: count for label, count in sorted(counts.items()) if count < FEWEST}


def learnable(samples: Sequence[Sample]) -> list[Sample]:
    """The samples without the labels of scarce classes, which nothing can be fitted on.

    A topic is taken out of a post's topics (the others are still judged, maybe none is left); with
    a scarce answer, danger or department, that head of the post is not judged.
    """
    few = {head: set(scarce(samples, head)) for head in HEADS}
    return [_without(sample, few) for sample in samples]


def _without(sample: Sample, few: dict[str, set[str]]) -> Sample:
    topics = sample.topics
    return replace(
        sample,
        topics=tuple(each for each in topics if each not in few["topics"]) if topics else topics,
        owed=None if sample.owed and sample.owed.value in few["owed"] else sample.owed,
        danger=None if few["danger"] else sample.danger,
        department=None if sample.department in few["department"] else sample.department,
    )


def _differing(one: Sample, other: Sample) -> list[str]:
    pairs = ((head, one.labels(head), other.labels(head)) for head in HEADS)
    return [head for head, a, b in pairs if a is not None and b is not None and a != b]


def _filled(kept: Sample, later: Sample) -> Sample:
    return replace(
        kept,
        topics=later.topics if kept.topics is None else kept.topics,
        owed=kept.owed or later.owed,
        danger=later.danger if kept.danger is None else kept.danger,
        department=kept.department or later.department,
    )


def _some(items: Sequence[str]) -> str:
    return ", ".join(items[:3]) + (", …" if len(items) > 3 else "")


def _samples(
    path: Path, topics: frozenset[str], tell: Tell, problems: list[str]
) -> Iterator[Sample]:
    rows = _rows(path, tell, problems)
    header = next(rows, None)
    if header is None:
        if not problems:
            problems.append(f"{path}: is empty; its first line names the columns")
        return
    columns = [name.strip().lower() for name in header[1]]
    if wrong := _wrong_columns(columns):
        problems.append(f"{path}:1: {wrong}")
        return
    ignored = sorted(set(columns) - set(COLUMNS))
    if ignored:
        tell(f"{path}: columns not used: {', '.join(name or '(no name)' for name in ignored)}")
    for number, row in rows:
        place = f"{path}:{number}"
        if len(row) != len(columns):
            finding = f"{len(row)} fields, but the first line names {len(columns)} columns"
            problems.append(f"{place}: {finding}; put a text that holds a comma in quotes")
            continue
        fields = {name: cell.strip() for name, cell in zip(columns, row, strict=True)}
        row_problems: list[str] = []
        sample = _sample(fields, place, topics, row_problems)
        problems += [f"{place}: {line}" for line in row_problems]
        if not row_problems:
            yield sample


def _wrong_columns(columns: Sequence[str]) -> str:
    doubled = sorted({name for name in columns if name in COLUMNS and columns.count(name) > 1})
    present = [name for name in TEXTS if name in columns]
    if doubled:
        return f"column {doubled[0]} is there twice; keep one"
    if not present:
        return f"no column of text; name one of them {', '.join(TEXTS)}"
    if sum(name in columns for name in ("body", "text", "tokens")) > 1:
        return f"the columns {', '.join(present)} are there together; keep one text beside title"
    return ""


def _sample(
    fields: dict[str, str], place: str, known: frozenset[str], problems: list[str]
) -> Sample:
    body = fields.get("body") or fields.get("text") or fields.get("tokens", "")
    title = fields.get("title", "")
    if not normalise(title + body):
        problems.append("no text; fill title or body, or take the row out")
    kind = _one_of(fields, "source_kind", [kind.value for kind in SourceKind], problems)
    owed = _one_of(fields, "owed", [owed.value for owed in Owed], problems)
    danger = _one_of(fields, "danger", list(_BOOLEAN), problems)
    return Sample(
        title=title,
        body=" ".join(body.split()) if "tokens" in fields else body,
        topics=_topics(fields.get("topics", ""), known, problems),
        owed=Owed(owed) if owed else None,
        danger=_BOOLEAN[danger] if danger else None,
        department=fields.get("department") or None,
        source_kind=SourceKind(kind or "forum"),
        place=place,
        tokens="tokens" in fields,
        weight=_weight(fields.get("weight", ""), problems),
    )


def _weight(cell: str, problems: list[str]) -> float:
    try:
        weight = float(cell or 1)
    except ValueError:
        weight = 0.0
    if not 0 < weight <= MOST_WEIGHT:
        finding = f"weight: {_shown(cell)} is no number above 0, at most {MOST_WEIGHT:.0f}"
        problems.append(f"{finding}; write for how many posts this one counts, as 0.5")
    return weight


def _one_of(
    fields: dict[str, str], name: str, values: Sequence[str], problems: list[str]
) -> str | None:
    """None if the cell is empty or wrong; what is wrong is added to `problems`."""
    value = fields.get(name, "").lower()
    if not value or value in values:
        return value or None
    problems.append(f"{name}: {_shown(value)} is none of {', '.join(values)}; write one of them")
    return None


def _topics(cell: str, known: frozenset[str], problems: list[str]) -> tuple[str, ...] | None:
    topics = tuple(dict.fromkeys(cell.split()))
    for topic in topics:
        if topic not in known:
            finding = f"topics: {_shown(topic)} is no topic here"
            problems.append(f"{finding}; topics are divided by spaces: {', '.join(sorted(known))}")
    if ALONE in topics and len(topics) > 1:
        problems.append(f"topics: {ALONE} stands alone or not at all; take one of them out")
    return topics or None


def _shown(value: str) -> str:
    """Enough to find the cell by; a text that slipped into a column of labels is not repeated."""
    return repr(value if len(value) <= 24 else value[:24] + "…")


def _rows(path: Path, tell: Tell, problems: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line that it starts on; empty lines are left out."""
    text = _text(path, tell, problems)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    start = 1
    try:
        for row in reader:
            if row:
                yield start, row
            start = reader.line_num + 1
    except csv.Error as error:
        remedy = "mend the quotes there: a text with a comma, quote or line break stands in quotes"
        problems.append(f"{path}:{start}: no CSV: {error}; {remedy}, quotes inside it doubled")


def _text(path: Path, tell: Tell, problems: list[str]) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        problems.append(f"{path}: can't be read ({error.strerror}); give a CSV file")
        return ""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in raw[:4096]:
        problems.append(f"{path}: no UTF-8 (UTF-16, perhaps); save it as CSV in UTF-8")
        return ""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _other_text(path, raw, tell, problems) or _not_utf8(path, raw, error, problems)


def _other_text(path: Path, raw: bytes, tell: Tell, problems: list[str]) -> str:
    """GB18030, which spreadsheets in China save; empty if it is rather UTF-8 with bad bytes."""
    bad = raw.decode("utf-8-sig", "surrogateescape")
    if len(_SURROGATES.findall(bad)) * 5 < sum(sign > "\x7f" for sign in bad):
        return ""
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError:
        return ""
    tell(f"{path}: is no UTF-8 and was read as GB18030; look whether its texts are right")
    return text


def _not_utf8(path: Path, raw: bytes, error: UnicodeDecodeError, problems: list[str]) -> str:
    line = raw.count(b"\n", 0, error.start) + 1
    finding = f"neither UTF-8 (byte {error.start}) nor GB18030"
    problems.append(f"{path}:{line}: {finding}; save the file as CSV in UTF-8")
    return ""

"""Public texts in, out the tables that the shipped model is fitted on and judged by.

`letters.csv` beside it: labels by the digest of a letter, no text. docs/models.md says the rest.
Example: python scripts/training_files.py --data FOLDER --out FOLDER
"""

import argparse
import csv
import hashlib
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

LABELS = Path(__file__).parent / "letters.csv"
LETTERS = ("messages.csv", "year_2019.csv", "answered.csv")
DEPARTMENTS = "departments_train_segmented.csv"
LABELLED = ("school_labelled.csv", "school_labelled_more.csv")
# What the writer's own word, with which a title opens or closes, says is owed.
OWED = {
    **dict.fromkeys(("咨询", "请问"), "question"),
    **dict.fromkeys(("投诉", "举报", "质疑"), "complaint"),
    **dict.fromkeys(("建议", "呼吁"), "suggestion"),
}
_OPENS = re.compile(rf"(?:关于)?({'|'.join(OWED)})[：:，, ]*")
_CLOSES = re.compile(rf"[的 ]?({'|'.join(word for word in OWED if word != '请问')})[！!。 ]*$")
FITTED_TITLES = 1_500
# So much of a text tells it from all others.
START = 60

Row = dict[str, str]


class Label(NamedTuple):
    topics: str
    owed: str
    danger: str


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--data", type=Path, required=True, help="messages/ and headlines/")
    options.add_argument("--out", type=Path, required=True)
    asked = options.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    console = Console()
    for name, rows in tables(asked.data, read(LABELS)):
        with (asked.out / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        console.print(f"{asked.out / name}: {len(rows)} rows", soft_wrap=True)


def tables(data: Path, told: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    messages = data / "messages"
    labels = {row["text"]: Label(row["topics"], row["owed"], row["danger"]) for row in told}
    letters = [row for name in LETTERS for row in read(messages / name)]
    known = {start(row) for name in LABELLED for row in read(messages / name)}
    yield "departments.csv", with_labels(read(messages / DEPARTMENTS), labels)
    yield "letters_of_harm.csv", labelled_letters(letters, labels)
    yield "opening_words.csv", list(opening_words(letters, known))
    others = read(messages / "forum_other.csv")
    yield "forum_other.csv", [nothing_of_schools(row["body"]) for row in others]
    yield (
        "raw_departments.csv",
        [
            {name: row[name] for name in ("title", "body", "department")}
            for row in read(messages / LETTERS[0])
            if row["department"]
        ],
    )
    lines = (data / "headlines" / "titles_train.tsv").read_text(encoding="utf-8").splitlines()
    titles = list(dict.fromkeys(line.split("\t")[0] for line in lines))
    random.Random(0).shuffle(titles)
    mention = {"topics": "not_education", "owed": "mention", "source_kind": "news"}
    yield "headlines_fitted.csv", [{"title": each, **mention} for each in titles[:FITTED_TITLES]]
    judged = titles[FITTED_TITLES:]
    yield "headlines.csv", [{"title": each, "source_kind": "news"} for each in judged]


def with_labels(rows: Sequence[Row], labels: dict[str, Label]) -> list[Row]:
    """Messages cut into words, with their department; of some, what they are about as well."""
    none = Label("", "", "")
    return [
        {
            "tokens": row["tokens"],
            "department": row["department"],
            **labels.get(digest(row["tokens"]), none)._asdict(),
        }
        for row in rows
    ]


def labelled_letters(letters: Iterable[Row], labels: dict[str, Label]) -> list[Row]:
    found = {
        key: {"title": row["title"], "body": row["body"], **labels[key]._asdict()}
        for row in letters
        if (key := digest(row["title"] + row["body"])) in labels
    }
    return list(found.values())


def opening_words(letters: Iterable[Row], known: set[str]) -> Iterator[Row]:
    """Letters whose title says itself what is owed; that word is cut off."""
    seen = set(known)
    for row in letters:
        title = row["title"].strip()
        found = _OPENS.match(title)
        closes = None if found else _CLOSES.search(title)
        told = found or closes
        if told is None or seen & {start(row), row["body"][:START]}:
            continue
        seen |= {start(row), row["body"][:START]}
        rest = title[: told.start()] if closes else title[told.end() :]
        yield {"title": rest, "body": row["body"], "owed": OWED[told[1]]}


def nothing_of_schools(body: str) -> Row:
    return {"body": body, "topics": "not_education", "danger": "0"}


def start(row: Row) -> str:
    return (row["title"] + row["body"])[:START]


def digest(text: str) -> str:
    """10 hex digits of what is no white space."""
    kept = "".join(text.split())
    return hashlib.blake2b(kept.encode("utf-8", "ignore"), digest_size=5).hexdigest()


def read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()

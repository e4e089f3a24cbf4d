"""The tables that the shipped model is fitted on, made of a data folder that was invented."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from scripts.training_files import DEPARTMENTS, LABELLED, LETTERS, digest, read, tables

LETTER = {"title": "投诉某校食堂涨价", "body": "一份饭贵了三块", "department": "教育文体"}
KNOWN = {"title": "咨询何时报名", "body": "小学几号报名", "department": ""}
ASKED = {"title": "路灯坏了，建议", "body": "换一盏亮的", "department": ""}
WORDS = {"tokens": "食堂 涨价 请 管管", "department": "教育文体"}
LABEL = {"topics": "boarding fees", "owed": "complaint", "danger": "0"}


def write(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    messages = tmp_path / "messages"
    for name in LETTERS:
        write(messages / name, [LETTER, KNOWN, ASKED])
    for name in LABELLED:
        write(messages / name, [KNOWN])
    write(messages / DEPARTMENTS, [WORDS, {**WORDS, "tokens": "路灯 不 亮"}])
    write(messages / "forum_other.csv", [{"body": "今天的云真好看"}])
    (tmp_path / "headlines").mkdir()
    titles = "".join(f"第{number}条新闻\t5\n" for number in range(1_600))
    (tmp_path / "headlines" / "titles_train.tsv").write_text(titles, encoding="utf-8")
    return tmp_path


def test_the_tables_of_a_data_folder(data: Path) -> None:
    labels = [
        {"text": digest(LETTER["title"] + LETTER["body"]), **LABEL},
        {"text": digest(WORDS["tokens"]), **LABEL},
    ]
    made = dict(tables(data, labels))
    assert made["departments.csv"][0] == {**WORDS, **LABEL}
    assert set(made["departments.csv"][1].values()) == {"路灯 不 亮", "教育文体", ""}
    texts = {name: LETTER[name] for name in ("title", "body")}
    assert made["letters_of_harm.csv"] == [{**texts, **LABEL}]
    assert made["raw_departments.csv"] == [LETTER]
    # The word that says what is owed is cut off, and what is labelled already left out.
    assert made["opening_words.csv"] == [
        {"title": "某校食堂涨价", "body": LETTER["body"], "owed": "complaint"},
        {"title": "路灯坏了，", "body": ASKED["body"], "owed": "suggestion"},
    ]
    assert made["forum_other.csv"][0]["topics"] == "not_education"
    fitted, judged = made["headlines_fitted.csv"], made["headlines.csv"]
    assert (len(fitted), len(judged)) == (1_500, 100)
    assert not {row["title"] for row in fitted} & {row["title"] for row in judged}


def test_the_labels_of_letters_hold_no_text() -> None:
    rows = read(Path(__file__).parents[1] / "scripts" / "letters.csv")
    assert len({row["text"] for row in rows}) == len(rows) > 1_900
    for row in rows:
        assert set(row["text"]) <= set("0123456789abcdef")
        assert row["danger"] in ("0", "1")
        assert row["topics"].replace("_", "").replace(" ", "").isascii()

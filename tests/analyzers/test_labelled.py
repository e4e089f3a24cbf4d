"""Labelled posts as offices write them, with all that spreadsheets do to a CSV."""

from pathlib import Path

import pytest

from analyzers.labelled import (
    FEWEST,
    Sample,
    class_counts,
    fold_equal,
    learnable,
    read_files,
    read_labelled,
    scarce,
)
from runtime.settings import ConfigProblems
from schemas.posts import Owed, SourceKind

TOPICS = ("fees", "exams", "praise", "not_education")
HEADER = "title,body,topics,owed,danger,department\n"


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "labelled.csv"
    path.write_bytes(text.encode(encoding))
    return path


def problems_of(path: Path) -> list[str]:
    with pytest.raises(ConfigProblems) as raised:
        read_labelled(path, TOPICS)
    return [line.removeprefix(f"{path}") for line in raised.value.problems]


def sample(body: str, place: str = "a.csv:2", **labels: object) -> Sample:
    given: dict[str, object] = {"topics": None, "owed": None, "danger": None, "department": None}
    return Sample("", body, source_kind=SourceKind.FORUM, place=place, **{**given, **labels})  # type: ignore[arg-type]


def test_a_row_becomes_a_sample(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "校服费,为什么又收校服费,fees exams,question,否,教育文体\n")
    assert read_labelled(path, TOPICS) == [
        Sample(
            title="校服费",
            body="为什么又收校服费",
            topics=("fees", "exams"),
            owed=Owed.QUESTION,
            danger=False,
            department="教育文体",
            source_kind=SourceKind.FORUM,
            place=f"{path}:2",
        )
    ]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1", True), ("TRUE", True), ("是", True), ("0", False), ("False", False), ("否", False)],
)
def test_danger_is_written_in_several_ways(tmp_path: Path, cell: str, value: bool) -> None:
    assert (
        read_labelled(written(tmp_path, f"text,danger\n有人受伤,{cell}\n"), TOPICS)[0].danger
        is value
    )


def test_empty_cells_and_absent_columns_are_not_judged(tmp_path: Path) -> None:
    (found,) = read_labelled(written(tmp_path, "body,owed,source_kind\n几点放学,,news\n"), TOPICS)
    assert (found.topics, found.owed, found.danger, found.department) == (None,) * 4
    assert found.source_kind is SourceKind.NEWS


def test_words_that_were_cut_stay_cut(tmp_path: Path) -> None:
    (found,) = read_labelled(
        written(tmp_path, "tokens,department\n学校  收费 问题,教育文体\n"), TOPICS
    )
    assert found.tokens
    assert found.body == "学校 收费 问题"


def test_a_text_over_several_lines_keeps_the_numbers_of_the_lines_right(tmp_path: Path) -> None:
    text = 'body,owed\n"第一行\n第二行",question\n\n下一条,complaint\n'
    places = [each.place for each in read_labelled(written(tmp_path, text), TOPICS)]
    assert [place.rpartition(":")[2] for place in places] == ["2", "5"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_encodings_of_spreadsheets(tmp_path: Path, encoding: str) -> None:
    told: list[str] = []
    path = written(tmp_path, HEADER + "收费,校服费太贵了,fees,complaint,0,\n", encoding)
    assert read_labelled(path, TOPICS, told.append)[0].body == "校服费太贵了"
    assert [("GB18030" in line) for line in told] == [True] * (encoding == "gb18030")


def test_what_is_in_no_encoding_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "收费,校服费太贵了,fees,complaint,0,\n", "utf-16")
    assert "UTF-16" in problems_of(path)[0]
    good = (HEADER + "收费,校服费太贵了很多很多很多,fees,complaint,0,\n").encode()
    path.write_bytes(good.replace("贵".encode(), b"\xe8\xb4", 1))
    assert ":2: neither UTF-8" in problems_of(path)[0]


def test_all_bad_rows_are_told_together_with_their_lines(tmp_path: Path) -> None:
    rows = [
        "收费,太贵,feess,complaint,0,",
        "收费,太贵,fees,angry,0,",
        "收费,太贵,fees,complaint,maybe,",
        "收费,太贵,fees,complaint,0",
        ",。,fees,complaint,0,",
        "收费,太贵,fees not_education,complaint,0,",
        "收费,好,fees,complaint,0,",
    ]
    found = problems_of(written(tmp_path, HEADER + "\n".join(rows)))
    assert [line[:3] for line in found] == [":2:", ":3:", ":4:", ":5:", ":6:", ":7:"]
    assert "'feess' is no topic here" in found[0]
    assert "'angry' is none of question" in found[1]
    assert "5 fields, but the first line names 6 columns" in found[3]
    assert all(";" in line for line in found)


def test_a_text_in_a_column_of_labels_is_not_repeated(tmp_path: Path) -> None:
    long = "这是一个写错了列的很长很长的帖子正文" * 5
    found = problems_of(written(tmp_path, f"body,owed\n短文,{long}\n"))
    assert long not in found[0]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("", "is empty"),
        ("id,owed\n1,question\n", ":1: no column of text"),
        ("body,owed,owed\n好,question,question\n", "owed is there twice"),
        ("body,text\n好,好\n", "are there together"),
        ('body\n"从这里起没有收尾\n第二条\n', ":2: no CSV"),
    ],
)
def test_files_that_are_no_table(tmp_path: Path, text: str, finding: str) -> None:
    assert finding in problems_of(written(tmp_path, text))[0]


def test_a_missing_file_and_a_bad_one_are_told_together(tmp_path: Path) -> None:
    bad = written(tmp_path, "body,owed\n好,angry\n")
    with pytest.raises(ConfigProblems) as raised:
        read_files([tmp_path / "none.csv", bad], TOPICS)
    assert len(raised.value.problems) == 2


def test_columns_that_say_nothing_are_told(tmp_path: Path) -> None:
    told: list[str] = []
    read_labelled(written(tmp_path, "id,body,likes\n1,好,3\n"), TOPICS, told.append)
    assert told[0].endswith("columns not used: id, likes")


def test_equal_texts_are_folded_and_conflicts_told() -> None:
    told: list[str] = []
    samples = [
        sample("校服费太贵", "a.csv:2", topics=("fees",)),
        sample("校服费，太贵！", "b.csv:7", topics=("exams",), owed=Owed.COMPLAINT),
        sample("另一条", "b.csv:8"),
    ]
    first, second = fold_equal(samples, told.append)
    assert (first.place, first.topics, first.owed) == ("a.csv:2", ("fees",), Owed.COMPLAINT)
    assert second.body == "另一条"
    assert told[0] == "1 rows folded into an earlier one of the same text: b.csv:7 = a.csv:2"
    assert told[1].startswith("b.csv:7: the same text as a.csv:2 with other labels (topics)")


def test_many_conflicts_are_summed_up() -> None:
    told: list[str] = []
    fold_equal(
        [sample("同一条", f"a.csv:{n}", danger=bool(n % 2)) for n in range(100)], told.append
    )
    assert told[-1] == "and 30 more rows with other labels for the same text"


def test_labels_of_each_head() -> None:
    given = sample("好", topics=("fees",), owed=Owed.QUESTION, danger=True, department="教育文体")
    heads = ("topics", "owed", "danger", "department")
    assert [given.labels(head) for head in heads] == [
        ("fees",),
        ("question",),
        ("danger",),
        ("教育文体",),
    ]
    assert sample("好", danger=False).labels("danger") == ()
    assert [sample("好").labels(head) for head in heads] == [None] * 4


def test_scarce_classes_are_left_out() -> None:
    many = [sample(f"{n}", topics=("fees",), owed=Owed.QUESTION) for n in range(FEWEST)]
    few = [
        sample("少", topics=("fees", "exams"), owed=Owed.COMPLAINT, danger=True, department="甲")
    ]
    samples = [*many, *few]
    assert class_counts(samples, "topics") == {"fees": FEWEST + 1, "exams": 1}
    assert scarce(samples, "topics") == {"exams": 1}
    kept = learnable(samples)
    assert kept[:-1] == many
    last = kept[-1]
    assert (last.topics, last.owed, last.danger, last.department) == (("fees",), None, None, None)


def test_a_digest_stands_for_the_text_alone() -> None:
    assert sample("校服费 太贵", topics=("fees",)).digest() == sample("校服费太贵！").digest()
    assert sample("校服费太贵").digest() != sample("校服费不贵").digest()

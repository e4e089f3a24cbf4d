"""`huisheng train`, `evaluate`, `check` and `tag` with a model of the classifier that ships."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import Result

from analyzers.model_files import load
from runtime.settings import SHIPPED
from tests.analyzers.fitted import office, rows
from tests.monitor.test_cli import huisheng, objects

TOPICS = {"fees", "food_safety", "injury_accident", "bullying_violence", "exams", "transport"}
FIELDS = ("title", "body", "topics", "owed", "danger", "department", "source_kind")
TEXT = "请问三小的课后服务费什么时候退"
ASKED = json.dumps({"title": "", "body": TEXT}, ensure_ascii=False)
MODEL = "HUISHENG_ANALYZE__MODEL"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labelled") / "labelled.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(FIELDS)
        for row in rows():
            if set(row.topics) <= TOPICS:
                labels = (" ".join(row.topics), row.owed.value, int(row.danger), office(row))
                table.writerow((row.title, row.body, *labels, row.source_kind.value))
    return path


def run(where: Path, *command: str, stdin: str = "", config: Path = SHIPPED) -> Result:
    return huisheng(*command, "--config", str(config), stdin=stdin, where=where)


@pytest.fixture(scope="module")
def trained(data: Path) -> tuple[Path, Result]:
    """The model's folder, and what the command printed."""
    folder = data.parent / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MODEL, "none")
        done = run(data.parent, *f"train --data {data} --folds 2 --out {folder}".split())
    assert done.exit_code == 0, done.stderr
    return folder, done


def test_train_tells_and_writes(trained: tuple[Path, Result], data: Path) -> None:
    folder, done = trained
    _, card = load(folder)
    count = len(data.read_text("utf-8").splitlines())
    assert f"2-fold cross-validation over {card.fitted_on[0].rows} rows" in done.stdout
    assert 100 < card.fitted_on[0].rows < count
    assert set(card.classes["topics"]) <= TOPICS
    assert set(card.classes) == {"topics", "owed", "danger", "department"}
    assert 0 < card.metrics["topics"]["micro_f1"] <= 1
    assert 0 < card.metrics["department"]["macro_f1"] <= 1
    assert card.version in done.stderr
    assert f'[analyze] model = "{folder}"' in done.stderr.replace("\n", "")


def test_evaluate_reads_it_better_than_the_rules_alone(
    trained: tuple[Path, Result], data: Path
) -> None:
    folder, _ = trained
    done = run(data.parent, "evaluate", "--data", str(data), "--model", str(folder), "--markdown")
    assert done.exit_code == 0, done.stderr
    assert "are among those" in done.stderr
    for head in ("topics", "owed", "danger", "department"):
        assert head in done.stdout
    alone = run(data.parent, "evaluate", "--data", str(data), "--model", "none")
    assert alone.exit_code == 0
    assert "the rules alone" in alone.stdout


def tagged(done: Result) -> dict[str, object]:
    assert done.exit_code == 0, done.stderr
    (found,) = objects(done)
    return found


def check_tags(found: dict[str, object], version: str) -> None:
    assert found["model_version"] == version
    assert found["rules_version"]
    assert found["department"] == "教育"
    assert found["topics"][0] == found["category"] == "fees"  # type: ignore[index]
    whys: list[dict[str, object]] = found["why"]  # type: ignore[assignment]
    by_model = {each["tag"]: each for each in whys if each["by"] == "model"}
    assert by_model.keys() == {*found["topics"], found["owed"], "department"}  # type: ignore[misc]
    for each in by_model.values():
        assert 0 <= each["score"] <= 1  # type: ignore[operator]
        words: list[str] = each["words"]  # type: ignore[assignment]
        assert all(word in TEXT for word in words)
    named = {each["tag"] for each in whys if each["words"]}
    assert "fees" in named


def test_tag_with_the_model_of_the_environment(
    trained: tuple[Path, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = trained
    monkeypatch.setenv(MODEL, str(folder))
    done = run(tmp_path, "tag", stdin=ASKED)
    check_tags(tagged(done), load(folder)[1].version)
    assert done.stderr == ""


def test_tag_with_the_model_of_the_settings(trained: tuple[Path, Result], tmp_path: Path) -> None:
    folder, _ = trained
    made = tmp_path / "config"
    made.mkdir()
    (made / "huisheng.toml").write_text(f'[analyze]\nmodel = "{folder}"\n', "utf-8")
    check_tags(tagged(run(tmp_path, "tag", stdin=ASKED, config=made)), load(folder)[1].version)


def test_tag_goes_on_with_the_rules_where_the_model_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODEL, str(tmp_path / "nowhere"))
    done = run(tmp_path, "tag", stdin=ASKED)
    found = tagged(done)
    assert (found["department"], found["model_version"]) == (None, "")
    assert found["category"] == "fees"
    assert done.stderr.startswith("the rules tag alone: ")
    assert str(tmp_path / "nowhere") in done.stderr
    assert run(tmp_path, "check").exit_code == 1


TEXTS = {
    "none": "",
    "blank": "   ",
    "nul": "\0",
    "emoji": "😂😂",
    "unseen": "\u200b",
    "long": "顶" * 10_000,
}


@pytest.mark.parametrize("body", TEXTS.values(), ids=TEXTS)
def test_any_text_is_tagged(
    trained: tuple[Path, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setenv(MODEL, str(trained[0]))
    found = tagged(run(tmp_path, "tag", stdin=json.dumps({"title": "", "body": body})))
    assert "department" in found
    if not body.strip():
        assert (found["topics"], found["owed"], found["department"]) == ([], "mention", None)

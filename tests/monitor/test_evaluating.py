"""`huisheng evaluate` with a small model of its own: folds, splits, tables, the worst rows."""

import csv
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from analyzers.labelled import Sample
from analyzers.model_files import ModelError, load, save
from monitor.evaluating import EvaluateOrder, evaluate_model
from monitor.fitting import TrainOrder, default_folder
from monitor.score_tables import Screen
from monitor.trials import Comparison, Data, Workbench, cross_validate, split
from runtime.config import Config
from runtime.errors import ConfigError
from tests.monitor.centres import (
    BENCH,
    FILLER,
    WORDS,
    Centres,
    fit,
    labelled_as,
    settings_for,
    tagger,
    train,
    written,
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return settings_for(tmp_path)


def test_no_post_is_judged_by_a_model_that_saw_a_near_copy(config: Config) -> None:
    """Each label stands in one pair of near copies only: what is held out can't be known."""
    fitted: list[list[Sample]] = []

    def spy(
        samples: Sequence[Sample], config: Config, told: Callable[[float], None] | None = None
    ) -> Centres:
        fitted.append(list(samples))
        return fit(samples, config, told)

    chance = random.Random(1)
    texts = ["".join(chance.choices(FILLER, k=60)) for _ in range(30)]
    judged = [labelled_as(text, list(WORDS)[n % 3]) for n, text in enumerate(texts)]
    others = [labelled_as(text + "急", list(WORDS)[n % 3]) for n, text in enumerate(texts)]
    bench = Workbench(spy, tagger, Centres.of)
    cross_validate(bench, Data(judged, others), config, 3, lambda what, share: None)
    for training in fitted:
        bodies = {each.body for each in training}
        assert len(bodies) == 40
        assert all((text in bodies) == (text + "急" in bodies) for text in texts)
    extra = [labelled_as("".join(chance.choices(FILLER, k=60)), "fees") for _ in range(12)]
    split(bench, Data(judged, [*others, *extra]), config, lambda what, share: None)
    assert {each.body for each in fitted[-1]} == {each.body for each in extra}


def evaluate(order: EvaluateOrder, config: Config, *, markdown: bool = False) -> None:
    evaluate_model(order, config, BENCH, Screen(markdown))


def test_the_rules_alone_are_judged(
    tmp_path: Path, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(EvaluateOrder((written(tmp_path / "labelled.csv"),)), config)
    out = capsys.readouterr().out
    assert "labelled.csv: 120 rows" in out
    assert "the rules alone" in out


def test_rows_that_the_model_was_fitted_on_are_told(
    tmp_path: Path, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    data = written(tmp_path / "labelled.csv")
    train(TrainOrder((data,)), config)
    capsys.readouterr()
    evaluate(EvaluateOrder((data,), model=str(default_folder(config))), config)
    assert "120 of 120 rows are among those" in capsys.readouterr().err


def test_tables_in_markdown(
    tmp_path: Path, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    data, more = written(tmp_path / "a.csv"), written(tmp_path / "b.csv", 30, seed=2)
    evaluate(EvaluateOrder((data,), (more,), folds=3), config, markdown=True)
    out = capsys.readouterr().out
    assert "a model fitted anew in 3 folds with b.csv" in out
    assert "| 类别 class | 帖数 posts | 查准 precision | 查全 recall | F1 |" in out
    assert "| --- | ---: | ---: | ---: | ---: |" in out
    assert "expected calibration error" in out
    row = next(line for line in out.splitlines() if line.startswith("| boarding |"))
    assert row.split(" | ")[1] == "40"
    assert "─" not in out


def test_a_split_is_judged_on_data_alone(
    tmp_path: Path, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    data, more = written(tmp_path / "a.csv", 60), written(tmp_path / "b.csv", seed=2)
    evaluate(EvaluateOrder((data,), (more,), split=True), config)
    assert "a.csv: 60 rows" in capsys.readouterr().out


def test_rows_without_labels_show_what_was_found(
    tmp_path: Path, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "posts.csv"
    path.write_text("body\n今天天气好\n去公园玩\n", "utf-8")
    evaluate(EvaluateOrder((path,)), config, markdown=True)
    out = capsys.readouterr().out
    assert "2 条没有标注 rows not judged" in out
    assert "| mention | 2 | 100.00% |" in out


def test_the_worst_rows_are_named_without_their_texts(tmp_path: Path, config: Config) -> None:
    data, out = written(tmp_path / "labelled.csv"), tmp_path / "worst.csv"
    with data.open("a", encoding="utf-8") as file:
        file.write("教室吊扇掉下来,砸伤三个学生,fees,complaint,1\n")
    evaluate(EvaluateOrder((data,), worst=5, worst_out=out), config)
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    assert rows[0]["place"] == f"{data}:122"
    assert (rows[0]["danger"], rows[0]["danger_found"]) == ("danger", "")
    assert (rows[0]["owed"], rows[0]["owed_found"]) == ("complaint", "mention")
    assert "砸伤" not in out.read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "finding"),
    [
        ({"folds": 3, "split": True}, "two ways of fitting anew"),
        ({"folds": 3, "model": "none"}, "--model is a model as it is"),
        ({"others": (Path("b.csv"),)}, "--with is for fitting anew"),
        ({"split": True}, "--split fits on the files of --with"),
        ({"folds": 500}, "takes 2 to the number of rows"),
        ({"worst": 1, "worst_out": Path("no/such/folder.csv")}, "can't be written"),
    ],
)
def test_options_that_make_no_sense_are_told(
    tmp_path: Path, config: Config, options: dict[str, object], finding: str
) -> None:
    order = EvaluateOrder((written(tmp_path / "a.csv"),), **options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=finding):
        evaluate(order, config)


def test_a_model_that_is_not_there_is_told(tmp_path: Path, config: Config) -> None:
    order = EvaluateOrder((written(tmp_path / "a.csv"),), model=str(tmp_path / "none"))
    with pytest.raises(ModelError, match="can't be read"):
        evaluate(order, config)


def test_a_model_of_other_topics_is_told(tmp_path: Path, config: Config) -> None:
    data = written(tmp_path / "a.csv")
    train(TrainOrder((data,)), config)
    arrays, card = load(default_folder(config))
    save(default_folder(config), arrays, card)
    fewer = config.model_copy(update={"topics": config.topics[:1]})
    order = EvaluateOrder((written(tmp_path / "b.csv", 0),), model=str(default_folder(config)))
    with pytest.raises(ModelError, match="which have no rules here"):
        evaluate(order, fewer)


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        ({"topics": 0.80, "owed": 0.80}, {"topics": 0.80, "owed": 0.80}, False),
        ({"topics": 0.80, "owed": 0.80}, {"topics": 0.799, "owed": 0.80}, False),
        ({"topics": 0.80, "owed": 0.80}, {"topics": 0.79, "owed": 0.795}, True),
        ({"topics": 0.80, "danger": 0.80}, {"topics": 0.90, "danger": 0.77}, True),
        ({"department": 0.90}, {"topics": 0.10}, False),
    ],
)
def test_what_is_worse(before: dict[str, float], after: dict[str, float], worse: bool) -> None:
    assert Comparison("a test", before, after).worse is worse


def test_what_only_judges_goes_without_scikit_learn() -> None:
    code = "import sys, monitor.evaluating, monitor.__main__; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"

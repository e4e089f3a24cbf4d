"""`huisheng train` with a small model of its own: what it prints, writes, refuses and compares."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from analyzers.labelled import COLUMNS
from analyzers.model_files import Card, load, seen_rows
from monitor.corrected import corrected_samples
from monitor.fitting import TrainOrder, default_folder
from runtime.config import Config
from runtime.errors import ConfigError
from runtime.settings import SHIPPED
from schemas.corrections import Correction, Labels
from schemas.posts import Owed, RawPost
from storage.corrections import insert_correction
from storage.posts import insert_posts
from tests.made import raw_post, tagged
from tests.monitor.centres import (
    CLOCK,
    POOR,
    Centres,
    labelled_as,
    settings_for,
    train,
    written,
)
from tests.monitor.test_cli import huisheng
from tests.stores import chdb_store

NAMED = re.compile(r"`([a-z_0-9]+)`")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return settings_for(tmp_path)


def test_a_model_is_fitted_judged_and_written(
    tmp_path: Path, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    data = written(tmp_path / "labelled.csv")
    version = train(TrainOrder((data,), note="Invented for a test."), config)
    folder = default_folder(config)
    assert folder == tmp_path / "data" / "model"
    arrays, card = load(folder)
    again = Centres.of(arrays, card.fields())
    assert again.best("topics", "宿舍没有热水，熄灯太早") == "boarding"
    assert (card.version, card.note, card.made_at) == (version, "Invented for a test.", CLOCK.now())
    assert card.command == "huisheng train --data labelled.csv --folds 5"
    assert [(each.name, each.rows) for each in card.fitted_on] == [("labelled.csv", 120)]
    assert card.metrics["topics"]["micro_f1"] > 0.9
    assert card.metrics["topics/fees"]["rows"] == 40
    assert len(seen_rows(folder)) == 120
    out = capsys.readouterr()
    assert "5-fold cross-validation over 120 rows" in out.out
    assert "主题 topics: 混淆表 confusion" in out.out
    assert "the rules alone and the new model, 120 rows" in out.out
    assert f'[analyze] model = "{folder}"' in out.err
    assert "department: no row is judged; the rules keep it" in out.err


def test_nothing_of_a_text_is_in_the_files(tmp_path: Path, config: Config) -> None:
    data = written(tmp_path / "labelled.csv")
    train(TrainOrder((data,)), config)
    body = data.read_text("utf-8").splitlines()[1].split(",")[1]
    stored = b"".join(path.read_bytes() for path in default_folder(config).iterdir())
    assert body.encode() not in stored
    assert str(tmp_path).encode() not in stored


def test_a_worse_model_does_not_replace_a_better_one(tmp_path: Path, config: Config) -> None:
    first, second = written(tmp_path / "a.csv"), written(tmp_path / "b.csv", seed=9)
    version = train(TrainOrder((first,)), config)
    with pytest.raises(ConfigError) as raised:
        train(TrainOrder((second,)), config, POOR)
    told = str(raised.value)
    assert "the new model is worse than the one there (topics 1.000 → 0.000, owed 1.000" in told
    assert "120 rows that neither had seen" in told
    assert "--force" in told
    with pytest.raises(ConfigError, match="each by its own cross-validation"):
        train(TrainOrder((first,)), config, POOR)
    assert load(default_folder(config))[1].version == version
    assert train(TrainOrder((second,), out=tmp_path / "elsewhere"), config, POOR) != version
    assert load(default_folder(config))[1].version == version
    assert train(TrainOrder((second,), force=True), config, POOR) != version
    assert load(default_folder(config))[1].version != version


def test_a_model_is_not_praised_for_rows_that_it_was_fitted_on(
    tmp_path: Path, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    data = written(tmp_path / "labelled.csv")
    version = train(TrainOrder((data,)), config)
    capsys.readouterr()
    assert train(TrainOrder((data,)), config) == version
    assert "each by its own cross-validation" in capsys.readouterr().out
    with data.open("a", encoding="utf-8") as file:
        file.write(written(tmp_path / "more.csv", 60, seed=4).read_text("utf-8").partition("\n")[2])
    assert train(TrainOrder((data,)), config) != version
    assert "60 rows that neither had seen" in capsys.readouterr().out


def test_a_bad_model_is_told_and_replaced(
    tmp_path: Path, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    data = written(tmp_path / "labelled.csv")
    train(TrainOrder((data,)), config)
    weights = default_folder(config) / "weights.npz"
    weights.write_bytes(weights.read_bytes()[:-20])
    train(TrainOrder((data,)), config)
    assert "is not the file that its card was written for" in capsys.readouterr().err
    assert load(default_folder(config))


def test_corrections_stand_against_a_file(tmp_path: Path, config: Config) -> None:
    data = written(tmp_path / "labelled.csv")
    body = data.read_text("utf-8").splitlines()[1].split(",")[1]
    own = replace(labelled_as(body), place="corrections:1")
    train(TrainOrder((data,), corrections=(own,)), config)
    _, card = load(default_folder(config))
    assert card.command == "huisheng train --data labelled.csv --corrections --folds 5"
    assert [(each.name, each.rows) for each in card.fitted_on] == [
        ("labelled.csv", 119),
        ("corrections", 1),
    ]


def test_corrections_come_from_the_store_with_no_more_than_labels(
    tmp_path: Path, config: Config
) -> None:
    said = Labels(topics=("fees",), owed=Owed.QUESTION, danger=True, department="教育文体")
    gone = Labels(topics=("uniforms",), owed=Owed.COMPLAINT, danger=False)
    with chdb_store(config.settings.data.dir) as store:
        for name, labels in (("1", said), ("2", gone)):
            post = raw_post(name, title=f"校服{name}", body="为什么又收钱")
            insert_posts(store, [tagged(post)])
            insert_correction(store, _correction(post, labels))
    first, second = corrected_samples(config)
    assert (first.title, first.body, first.place) == ("校服1", "为什么又收钱", "corrections:1")
    assert (first.topics, first.owed, first.danger) == (("fees",), Owed.QUESTION, True)
    assert first.department == "教育文体"
    assert (second.topics, second.owed) == (None, Owed.COMPLAINT)
    assert "王" not in repr((first, second))


def _correction(post: RawPost, said: Labels) -> Correction:
    return Correction(
        source=post.source,
        post_id=post.id,
        counted_at=post.counted_at,
        at=post.seen_at,
        operator="王",
        said=said,
        was=said,
        rules_version="",
        model_version="",
        note="王老师打过电话",
    )


def test_too_few_rows_are_refused_or_left_to_the_rules(
    tmp_path: Path, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="no class has 10 rows or more"):
        train(TrainOrder((written(tmp_path / "few.csv", 12),)), config)
    with pytest.raises(ConfigError, match="nothing to fit on"):
        train(TrainOrder(()), config)
    data = written(tmp_path / "labelled.csv")
    with data.open("a", encoding="utf-8") as file:
        file.write("谢谢王老师,认真负责,praise,mention,0\n")
    capsys.readouterr()
    train(TrainOrder((data,)), config)
    told = capsys.readouterr().err
    assert "topics: fewer than 10 rows, left to the rules: praise 1" in told
    assert "owed: fewer than 10 rows, left to the rules: mention 1" in told
    classes = load(default_folder(config))[1].classes
    assert "praise" not in classes["topics"]
    assert "mention" not in classes["owed"]


def test_bad_rows_end_the_command_with_2(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("body,owed\n好,angry\n好的,sad\n", "utf-8")
    for command in ("train", "evaluate"):
        done = huisheng(command, "--data", str(path), "--config", str(SHIPPED), where=tmp_path)
        assert done.exit_code == 2
        assert f"{path}:2: owed: 'angry' is none of" in done.stderr
        assert f"{path}:3: owed: 'sad' is none of" in done.stderr
        assert done.stdout == ""


def test_the_document_names_every_column_and_field() -> None:
    text = (Path(__file__).parents[2] / "docs/models.md").read_text("utf-8")
    named = {
        name for row in text.splitlines() if row.startswith("| `") for name in NAMED.findall(row)
    }
    assert {*COLUMNS, *Card.__struct_fields__} <= named

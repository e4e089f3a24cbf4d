"""The model that the settings name: put to work, refused, and taken up while the analyzer runs."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analyzers import model_files
from analyzers.classify import Model
from analyzers.model_files import CARD, WEIGHTS, save
from analyzers.reload import LOOK_EVERY
from analyzers.tag import Tagger, load_tagger
from analyzers.train import fit
from analyzers.versions import rules_version
from analyzers.worker import Analyzer, AnalyzerParts
from bus.log import ENGAGEMENT, POLLS, POSTS, Entry
from bus.memory_log import MemoryLog
from runtime.clock import ManualClock
from runtime.config import Config
from runtime.health import HealthBoard
from runtime.metrics import Metrics
from schemas.codec import encode
from schemas.posts import Post
from storage.store import Store
from tests.analyzers.fitted import model, samples, small
from tests.analyzers.models import card
from tests.made import START, raw_post
from tests.stores import chdb_store

TEXT = "请问三小的课后服务费什么时候退"


def stored(folder: Path, fitted: Model) -> str:
    """Its version."""
    return save(folder, fitted.arrays(), card(**fitted.card_fields())).version


@pytest.fixture(scope="module")
def other() -> Model:
    return fit(samples()[::8], small())


def using(setting: str | Path) -> Config:
    found = small()
    analyze = found.settings.analyze.model_copy(update={"model": str(setting)})
    settings = found.settings.model_copy(update={"analyze": analyze})
    return found.model_copy(update={"settings": settings})


def post() -> Post:
    return raw_post(title=TEXT)


def test_the_model_of_a_folder_tags_and_is_named(tmp_path: Path) -> None:
    version = stored(tmp_path / "model", model())
    tagger = load_tagger(using(tmp_path / "model"))
    assert tagger.problem == ""
    tags = tagger.tag(post())
    assert (tags.model_version, tags.rules_version) == (version, rules_version(small()))
    assert tags.model_version == tagger.model_version
    assert tags.department
    scored = {why.tag: why for why in tags.why if why.by == "model"}
    assert {*tags.topics, tags.owed.value, "department"} <= scored.keys()
    fresh = Tagger(small(), model()).tag(post())
    assert (tags.topics, tags.owed, tags.why) == (fresh.topics, fresh.owed, fresh.why)


def test_none_is_the_rules_alone() -> None:
    tagger = load_tagger(using("none"))
    assert (tagger.model_version, tagger.problem) == ("", "")
    assert {why.by for why in tagger.tag(post()).why} == {"rule"}
    assert tagger.tag(post()) == Tagger(small()).tag(post())


def test_shipped_is_the_one_beside_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = stored(tmp_path / "shipped", model())
    monkeypatch.setitem(model_files.SETTINGS, "shipped", tmp_path / "shipped")
    assert load_tagger(using("shipped")).model_version == version


def gone(folder: Path) -> None:
    shutil.rmtree(folder)


def test_the_model_that_ships_is_read_and_used() -> None:
    tagger = load_tagger(using("shipped"))
    assert tagger.problem == ""
    assert tagger.model_version
    assert tagger.tag(post()).category == "fees"


def cut_short(folder: Path) -> None:
    weights = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(weights[:-9])


def changed(folder: Path) -> None:
    text = (folder / CARD).read_text("utf-8")
    (folder / CARD).write_text(text.replace("Invented", "Altered"), "utf-8")


def of_other_features(folder: Path) -> None:
    fields = model().card_fields()
    shutil.rmtree(folder)
    features = {"kinds": 1, "buckets": 8, "signals": []}
    save(folder, model().arrays(), card(**{**fields, "features": features}))


DAMAGE: dict[str, Callable[[Path], None]] = {
    "can't be read": gone,
    "is not the file that its card was written for": cut_short,
    "is damaged or was changed by hand": changed,
    "made for other features": of_other_features,
}


@pytest.mark.parametrize("finding", DAMAGE)
def test_a_bad_model_is_told_and_the_rules_go_on_alone(tmp_path: Path, finding: str) -> None:
    folder = tmp_path / "model"
    stored(folder, model())
    DAMAGE[finding](folder)
    tagger = load_tagger(using(folder))
    assert tagger.problem.startswith("the rules tag alone: ")
    assert finding in tagger.problem
    assert "huisheng train" in tagger.problem
    assert tagger.model_version == ""
    assert tagger.tag(post()) == Tagger(small()).tag(post())


def test_topics_without_rules_here_are_never_said(tmp_path: Path) -> None:
    """Whose topics are fewer goes on with the model for the others."""
    stored(tmp_path / "model", model())
    found = using(tmp_path / "model")
    known = ("boarding", "exams")
    topics = tuple(topic for topic in found.topics if topic.key in known)
    tagger = load_tagger(found.model_copy(update={"topics": topics}))
    assert tagger.problem == ""
    for tags in tagger.tag_many([sample.post() for sample in samples()[:100]]):
        assert set(tags.topics) <= set(known)
        assert tags.model_version
        assert {why.tag for why in tags.why if why.tag in found_keys(found)} <= set(known)


def found_keys(found: Config) -> set[str]:
    return {topic.key for topic in found.topics}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with chdb_store(tmp_path_factory.mktemp("data")) as store:
        yield store


class Running:
    """An analyzer with a model's folder; `tagged` gives the versions of a row as it is stored."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.clock = ManualClock(START)
        self.log, self.store, self.sent = MemoryLog(1, self.clock), store, 0
        store.command("TRUNCATE TABLE posts")
        self.analyzer = Analyzer(
            AnalyzerParts(using(folder), self.log, store, self.clock, HealthBoard(), Metrics())
        )
        self.reader = self.log.reader("analyzers", (POSTS, ENGAGEMENT, POLLS))

    def look(self) -> None:
        for _ in range(3):
            self.clock.advance(LOOK_EVERY)
            self.analyzer.look_at_rules()

    def tagged(self) -> tuple[str, str]:
        self.sent += 1
        name = f"p{self.sent}"
        self.log.publish(POSTS, [Entry("bbs", encode(raw_post(name, title=TEXT)))])
        assert self.analyzer.consumer.step(self.reader) == 0
        query = "SELECT rules_version, model_version FROM posts FINAL WHERE id = {id:String}"
        ((rules, found),) = self.store.rows(query, {"id": name})
        return str(rules), str(found)

    @property
    def problem(self) -> str:
        return self.analyzer.health().problem


def test_rows_carry_the_versions_of_rules_and_model(tmp_path: Path, opened: Store) -> None:
    version = stored(tmp_path / "model", model())
    running = Running(tmp_path / "model", opened)
    assert running.tagged() == (rules_version(small()), version)
    assert running.problem == ""


def test_status_tells_of_a_bad_model_until_it_is_mended(
    tmp_path: Path, opened: Store, other: Model
) -> None:
    folder = tmp_path / "model"
    first = stored(folder, model())
    running = Running(folder, opened)
    assert running.tagged()[1] == first
    second = stored(folder, other)
    assert second != first
    running.look()
    assert (running.tagged()[1], running.problem) == (second, "")
    weights = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(weights[: len(weights) // 2])
    running.look()
    assert running.tagged()[1] == ""
    assert "the rules tag alone" in running.problem
    assert str(folder / WEIGHTS) in running.problem
    (folder / WEIGHTS).write_bytes(weights)
    running.look()
    assert (running.tagged()[1], running.problem) == (second, "")
    shutil.rmtree(folder)
    running.look()
    assert running.tagged()[1] == ""
    assert "can't be read" in running.problem


def test_a_model_that_comes_later_is_taken_up(tmp_path: Path, opened: Store) -> None:
    running = Running(tmp_path / "model", opened)
    assert running.tagged()[1] == ""
    assert "can't be read" in running.problem
    version = stored(tmp_path / "model", model())
    running.look()
    assert (running.tagged()[1], running.problem) == (version, "")


def test_what_tags_never_loads_what_fits() -> None:
    code = "import sys, analyzers.worker; print({'sklearn', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"

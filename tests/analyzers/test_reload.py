"""Rules that change while the analyzer runs: real files, a real store, a clock moved by hand."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from analyzers.reload import LOOK_EVERY
from analyzers.worker import Analyzer, AnalyzerParts
from bus.log import ENGAGEMENT, POLLS, POSTS, Entry, Reader
from bus.memory_log import MemoryLog
from runtime.clock import ManualClock
from runtime.errors import RetryLater
from runtime.health import HealthBoard
from runtime.metrics import Metrics
from runtime.settings import load_config
from schemas.codec import encode
from storage.corrections import tag_changes
from storage.store import Limits, Params, Row, Store
from tests.made import START, raw_post
from tests.stores import chdb_store

UNIFORMS = "@name 校服\n@name-en Uniforms\n\n校服\n"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with chdb_store(tmp_path_factory.mktemp("data")) as store:
        yield store


@pytest.fixture
def store(opened: Store) -> Store:
    for table in ("posts", "tag_changes"):
        opened.command(f"TRUNCATE TABLE {table}")
    return opened


class Running:
    """An analyzer on a config folder; `look` lets the time of some looks pass."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.clock = ManualClock(START)
        self.log = MemoryLog(1, self.clock)
        parts = AnalyzerParts(
            load_config(folder), self.log, store, self.clock, HealthBoard(), Metrics()
        )
        self.analyzer = Analyzer(parts)
        self.reader: Reader = self.log.reader("analyzers", (POSTS, ENGAGEMENT, POLLS))
        self.store, self.sent = store, 0
        self.look()

    def look(self) -> None:
        for _ in range(3):
            self.analyzer.look_at_rules()
            self.clock.advance(LOOK_EVERY)

    def step(self) -> float:
        """The pause that it asks for."""
        pause = self.analyzer.consumer.step(self.reader)
        self.clock.advance(LOOK_EVERY)
        return pause

    def topics_of(self, text: str) -> list[str]:
        """As the post is stored, through the bus."""
        self.sent += 1
        name = f"p{self.sent}"
        self.log.publish(POSTS, [Entry("bbs", encode(raw_post(name, title=text)))])
        assert self.analyzer.consumer.step(self.reader) == 0
        query = "SELECT topics FROM posts FINAL WHERE id = {id:String}"
        ((topics,),) = self.store.rows(query, {"id": name})
        return list(topics)

    @property
    def problem(self) -> str:
        return self.analyzer.health().problem

    @property
    def notice(self) -> str:
        return self.analyzer.health().notice

    def number(self, name: str) -> float:
        text = self.analyzer.parts.metrics.render([]).decode()
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "config"
    (made / "topics").mkdir(parents=True)
    (made / "topics" / "uniforms.txt").write_text(UNIFORMS, "utf-8")
    (made / "topics" / "meals.txt").write_text("食堂\n", "utf-8")
    return made


@pytest.fixture
def running(folder: Path, store: Store) -> Running:
    return Running(folder, store)


def test_a_changed_topic_is_taken_up_without_a_restart(running: Running, folder: Path) -> None:
    assert running.topics_of("新校裤太贵") == []
    before = running.analyzer.rules.version
    (folder / "topics" / "uniforms.txt").write_text(f"{UNIFORMS}校裤\n", "utf-8")
    running.clock.advance(timedelta(minutes=5))
    running.look()
    assert running.topics_of("新校裤太贵") == ["uniforms"]
    assert running.analyzer.rules.version != before
    assert (running.problem, running.notice) == ("", "")
    loaded = running.number("huisheng_rules_loaded_timestamp_seconds")
    assert loaded > START.timestamp() + 300


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("danger.txt", "天塌了\n"),
        ("owed/complaint.txt", "气死\n"),
        ("units.toml", '[[unit]]\nname = "实验小学"\n'),
    ],
)
def test_a_file_that_appears_in_the_folder_is_a_change(
    running: Running, folder: Path, name: str, text: str
) -> None:
    """Until then the shipped one stands in for it."""
    before = running.analyzer.rules.tagger
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text, "utf-8")
    running.look()
    assert running.analyzer.rules.tagger is not before
    (folder / name).unlink()
    running.look()
    assert len(tag_changes(running.store, START)) == 2


def test_what_did_not_change_builds_nothing(running: Running, folder: Path) -> None:
    before = running.analyzer.rules.tagger
    (folder / "topics" / "meals.txt").touch()
    running.look()
    assert running.analyzer.rules.tagger is before


def test_a_file_that_is_still_being_written_waits(running: Running, folder: Path) -> None:
    before = running.analyzer.rules.tagger
    rules = folder / "topics" / "meals.txt"
    for length in range(3):
        rules.write_text("饭" * (length + 1) + "菜\n", "utf-8")
        running.analyzer.look_at_rules()
        running.clock.advance(LOOK_EVERY)
        assert running.analyzer.rules.tagger is before
    running.look()
    assert running.topics_of("饭饭饭菜") == ["meals"]


def test_bad_rules_leave_the_old_ones_and_are_told_until_mended(
    running: Running, folder: Path
) -> None:
    rules, version = folder / "topics" / "meals.txt", running.analyzer.rules.version
    rules.write_text("/(/\n", "utf-8")
    for _ in range(3):
        running.look()
    assert running.topics_of("食堂的菜") == ["meals"]
    assert f"rules of version {version} go on: {rules}:1: /(/ is no valid" in running.problem
    assert running.number("huisheng_rules_reload_failures_total") == 1
    (folder / "alerts.toml").write_text("opening = 3\n", "utf-8")
    running.look()
    assert "alerts.toml" in running.problem
    (folder / "alerts.toml").unlink()
    rules.write_text("食堂\n", "utf-8")
    running.look()
    assert running.problem == ""
    assert running.analyzer.rules.version == version


def test_settings_and_the_set_of_topics_wait_for_a_restart(running: Running, folder: Path) -> None:
    (folder / "alerts.toml").write_text("[opening]\nconcerns = 5\n", "utf-8")
    (folder / "topics" / "buses.txt").write_text("校车\n", "utf-8")
    (folder / "topics" / "meals.txt").unlink()
    (folder / "topics" / "uniforms.txt").write_text(f"@no-matter\n{UNIFORMS}", "utf-8")
    running.look()
    assert running.notice == (
        "restart to take up what changed: alerts.toml, topic buses (added), topic meals (removed), "
        "topic uniforms (its @ lines)"
    )
    assert running.topics_of("校车上的食堂") == ["meals"]
    assert running.problem == ""
    (folder / "alerts.toml").unlink()
    (folder / "topics" / "buses.txt").unlink()
    (folder / "topics" / "meals.txt").write_text("食堂\n", "utf-8")
    (folder / "topics" / "uniforms.txt").write_text(UNIFORMS, "utf-8")
    running.look()
    assert running.notice == ""


def test_a_folder_that_is_gone_is_a_problem(running: Running, folder: Path) -> None:
    shutil.rmtree(folder)
    running.look()
    assert "no such folder" in running.problem
    assert running.topics_of("食堂的菜") == ["meals"]


def test_each_change_is_marked_once_whoever_writes_it(
    running: Running, folder: Path, store: Store
) -> None:
    (first,) = tag_changes(store, START)
    assert first.rules_version == running.analyzer.rules.version
    assert (first.at, first.since, first.posts, first.changed) == (START, START, 0, 0)
    other = Running(folder, store)
    assert tag_changes(store, START) == [first]
    (folder / "danger.txt").write_text("天塌了\n", "utf-8")
    for one in (running, other):
        one.clock.advance(timedelta(minutes=3))
        one.look()
    _, second = tag_changes(store, START)
    assert second.rules_version == other.analyzer.rules.version != first.rules_version
    assert second.at.second == second.at.microsecond == 0
    assert len(tag_changes(store, START)) == len({first, second})


class Away(Store):
    """A store that gives no answer while `gone`."""

    gone = False

    def rows(
        self, sql: str, params: Params | None = None, limits: Limits | None = None
    ) -> list[Row]:
        if self.gone:
            message = f"{self.place}: does not answer"
            raise RetryLater(message)
        return super().rows(sql, params, limits)


@pytest.fixture
def away(store: Store) -> Iterator[Away]:
    with closing(Away(store.dsn)) as opened:
        yield opened


def test_a_mark_that_the_store_is_away_for_is_written_later(folder: Path, away: Away) -> None:
    """Nothing is tagged meanwhile: the store is where the tags go."""
    running = Running(folder, away)
    away.gone = True
    (folder / "danger.txt").write_text("天塌了\n", "utf-8")
    assert [running.step() for _ in range(3)] == [0, 0.5, 1]
    assert running.problem.endswith("does not answer")
    away.gone = False
    assert running.step() == 0
    assert len(tag_changes(away, START)) == 2
    assert running.problem == ""


def test_a_folder_of_a_model_is_watched(tmp_path: Path, folder: Path, store: Store) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (folder / "huisheng.toml").write_text(f'[analyze]\nmodel = "{model}"\n', "utf-8")
    running = Running(folder, store)
    before = running.analyzer.rules.tagger
    (model / "card.json").write_text("{}", "utf-8")
    running.look()
    assert running.analyzer.rules.tagger is not before

"""`huisheng correct` and `huisheng retag` as typed, beside a running process and alone."""

import signal
import threading
from collections.abc import Iterator
from contextlib import chdir, closing
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from typer.testing import CliRunner, Result

from monitor.__main__ import app
from monitor.retag_running import RunningRetag
from monitor.wiring import House
from runtime.clock import ManualClock
from runtime.config import Config
from runtime.errors import ConfigError
from runtime.health import HealthBoard
from runtime.metrics import Metrics
from runtime.settings import load_config
from schemas.posts import Owed
from storage.migrate import migrate
from storage.posts import insert_posts
from storage.retagging import RetagReport, RetagRequest
from storage.store import Store
from tests.engines.clickhouse_server import ClickHouseServer
from tests.engines.process import wait_until
from tests.flow.running import Running, running
from tests.made import START, raw_post, tagged
from tests.storage.conftest import new_database
from tests.stores import chdb_store

# A word that no shipped rule knows.
WORD = "紫云卡"
SINCE = ("--since", "2026-11-01")
TAGS = "SELECT id, topics, owed FROM v_posts ORDER BY id"
CHANGES = "SELECT posts, changed FROM v_tag_changes WHERE posts > 0"


def huisheng(*arguments: str, where: Path) -> Result:
    with chdir(where):
        return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A config folder, and beside it a store with two posts of which the rules know nothing."""
    huisheng("init", where=tmp_path)
    settings = "[data]\nretention_days = 3650\n"
    (tmp_path / "config/huisheng.toml").write_text(settings, "utf-8")
    (tmp_path / "config/sources.toml").write_text("", "utf-8")
    with chdb_store(tmp_path / "data") as store:
        fill(store)
    return tmp_path


def fill(store: Store) -> None:
    posts = [raw_post(name, title=f"{WORD}办好了") for name in ("1", "2")]
    insert_posts(store, [tagged(post, topics=(), owed=Owed.MENTION) for post in posts])


def add_rule(folder: Path) -> None:
    path = folder / "config/topics/fees.txt"
    path.write_text(path.read_text("utf-8") + f"\n{WORD} ^5\n", "utf-8")


def rows(folder: Path, statement: str) -> list[tuple[object, ...]]:
    with chdb_store(folder / "data") as store:
        return store.rows(statement)


def test_a_retag_of_a_folder_on_which_nothing_runs(folder: Path) -> None:
    add_rule(folder)
    dry = huisheng("retag", *SINCE, "--dry-run", where=folder)
    assert (dry.exit_code, dry.stderr) == (0, "")
    assert "would write 2" in dry.stdout
    (line,) = [line for line in dry.stdout.splitlines() if "topic fees" in line]
    assert [cell.strip() for cell in line.split("│")[1:5]] == ["topic fees", "0", "2", "+2"]
    assert rows(folder, CHANGES) == []
    done = huisheng("retag", *SINCE, "--by", "王", where=folder)
    assert done.exit_code == 0
    assert rows(folder, TAGS) == [("1", ["fees"], "mention"), ("2", ["fees"], "mention")]
    assert rows(folder, CHANGES) == [(2, 2)]


@pytest.mark.clickhouse
@pytest.mark.xdist_group("clickhouse")
def test_a_retag_and_a_correction_on_a_server(
    folder: Path, clickhouse_server: ClickHouseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_database(clickhouse_server) as dsn, closing(Store(dsn)) as store:
        monkeypatch.setenv("HUISHENG_STORE__DSN", dsn)
        migrate(store)
        fill(store)
        add_rule(folder)
        assert huisheng("retag", *SINCE, where=folder).exit_code == 0
        said = ("--department", "基教科", "--by", "王")
        assert huisheng("correct", "bbs", "2", *said, where=folder).exit_code == 0
        assert [topics for _, topics, _ in store.rows(TAGS)] == [["fees"], ["fees"]]
        found = "SELECT post_id, department, was_department FROM v_corrections"
        ((post, department, was),) = store.rows(found)
        assert (post, department) == ("2", "基教科")
        # What the model had said of whom the post concerns.
        assert was


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--since", "yesterday"), "--since: 'yesterday' is no date; write it as 2026-11-01"),
        ((*SINCE, "--until", "2026-10-01"), "--until: 2026-10-01 is not after --since 2026-11-01"),
        ((*SINCE, "--by", "王" * 41), "--by: has 41 characters; sign with 40 at most"),
    ],
)
def test_a_retag_that_can_not_be_is_told_in_a_line(
    tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    done = huisheng("retag", *options, where=tmp_path)
    assert done.exit_code == 2
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == 1


def test_a_correction_is_written_beside_the_post(folder: Path) -> None:
    said = ("--topics", "fees,exams", "--owed", "question", "--by", "王", "--note", "家长说的")
    done = huisheng("correct", "bbs", "1", *said, where=folder)
    assert (done.exit_code, done.stderr) == (0, "")
    confirmed = huisheng("correct", "bbs", "2", "--confirm", "--by", "李", where=folder)
    assert confirmed.exit_code == 0
    found = "SELECT post_id, topics, owed, danger, agrees FROM v_corrections ORDER BY post_id"
    assert rows(folder, found) == [
        ("1", ["fees", "exams"], "question", False, False),
        ("2", [], "mention", False, True),
    ]
    assert rows(folder, TAGS) == [("1", [], "mention"), ("2", [], "mention")]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (("9", "--confirm"), "correct: no post bbs 9 is stored"),
        (("1", "--topics", "sport"), "correct: topic 'sport' is unknown"),
        (("1", "--topics", "fees,not_education"), "correct: not_education stands beside fees"),
        (("1", "--owed", "praise"), "correct: owed is 'praise'; it must be one of question"),
        (("1",), "correct: says nothing"),
    ],
)
def test_a_correction_that_can_not_be_is_told_in_a_line(
    folder: Path, said: tuple[str, ...], told: str
) -> None:
    done = huisheng("correct", "bbs", *said, "--by", "王", where=folder)
    assert done.exit_code == 2
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == 1


@pytest.fixture
def process(folder: Path) -> Iterator[Running]:
    with running(folder, "data", "run") as found:
        found.wait_until("SELECT count() FROM v_posts", 2)
        yield found


@pytest.mark.timeout(180)
def test_a_running_process_tags_again_and_writes_corrections(
    folder: Path, process: Running
) -> None:
    add_rule(folder)
    dry = process.run("retag", *SINCE, "--dry-run")
    assert (dry.returncode, "would write 2" in dry.stdout) == (0, True), dry.stderr
    assert process.sql(CHANGES) == []
    done = process.run("retag", *SINCE, "--by", "王")
    assert (done.returncode, "written 2" in done.stdout) == (0, True), done.stderr
    assert process.sql(TAGS) == [["1", ["fees"], "mention"], ["2", ["fees"], "mention"]]
    assert [[int(str(n)) for n in row] for row in process.sql(CHANGES)] == [[2, 2]]
    hours = "SELECT sum(posts) FROM v_trend_hourly WHERE topic = 'fees'"
    process.wait_until(hours, 2, 2)
    refused = process.run("correct", "bbs", "1", "--owed", "praise", "--by", "王")
    assert refused.returncode == 2
    assert refused.stderr.startswith("correct: owed is 'praise'")
    said = ("correct", "bbs", "1", "--danger", "--by", "王", "--note", "只供内部看")
    assert process.run(*said).returncode == 0
    assert process.sql("SELECT topics, danger FROM v_corrections") == [[["fees"], True]]
    assert process.sql("SELECT note FROM corrections") == [["只供内部看"]]
    for path in ("/", "/metrics", "/health.json"):
        assert "只供内部看" not in process.get(path).decode()
    assert "只供内部看" not in process.told()
    for path in ("/retag", "/correct"):
        with pytest.raises(HTTPError, match="401"):
            urlopen(f"http://127.0.0.1:{process.port}{path}", b"{}")
    (folder / "config/topics/fees.txt").write_text("/(/\n", "utf-8")
    broken = process.run("retag", *SINCE)
    assert broken.returncode == 2
    assert "fees.txt:1" in broken.stderr
    assert process.end(signal.SIGTERM) == 0


def in_process(folder: Path, store: Store, config: Config) -> RunningRetag:
    clock = ManualClock(START)
    house = House(config, clock, HealthBoard(clock), Metrics(), threading.Event())
    return RunningRetag(house, store)


def ended(running: RunningRetag) -> RetagReport:
    def over() -> bool:
        report = running.report()
        return report is not None and report.state != "running"

    wait_until(over, "the end of the retag", 30)
    report = running.report()
    assert report
    return report


def test_one_runs_at_a_time_in_a_process(folder: Path) -> None:
    with chdb_store(folder / "data") as store, chdir(folder):
        found = in_process(folder, store, load_config(folder / "config"))
        assert found.report() is None
        found.start(RetagRequest(since=START))
        with pytest.raises(ConfigError, match="one is under way"):
            found.start(RetagRequest(since=START))
        assert ended(found).state == "done"
        found.close()
        found.start(RetagRequest(since=START))
        assert ended(found).written == 0


def test_what_fails_in_a_process_is_told_to_who_asks(folder: Path) -> None:
    with chdb_store(folder / "data") as store, chdir(folder):
        config = load_config(folder / "config")
        (folder / "config/topics/sport.txt").write_text("@name 体育 Sport\n球赛\n", "utf-8")
        found = in_process(folder, store, config)
        found.start(RetagRequest(since=START))
        report = ended(found)
        found.close()
    assert report.state == "failed"
    assert "has other topics than the running process; restart it first" in report.problem

"""`huisheng dead-letters`: what was set aside is seen, published again once, or let go."""

import json
from collections.abc import Iterator
from contextlib import chdir, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bus.dead_letters import KEPT_BYTES, letter_of, read_dead_letter
from bus.kafka_log import KafkaLog, KafkaSettings
from bus.log import DEAD_LETTERS, POSTS, Entry, Log, Record
from bus.sqlite_log import SqliteLog
from monitor.__main__ import app
from runtime.clock import ManualClock
from schemas.codec import encode
from schemas.posts import RawPost, SourceKind
from tests.engines.kafka_server import KafkaServer
from tests.engines.process import wait_until
from tests.flow.running import Running, running

AT = datetime(2026, 3, 1, 1, 2, 3, tzinfo=UTC)
KAFKA = pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.xdist_group("kafka")])


@pytest.fixture(params=["sqlite", KAFKA])
def log(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Log]:
    """The log that the command finds in the folder `tmp_path`, or at the brokers."""
    made: Log
    (tmp_path / "config").mkdir()
    if request.param == "sqlite":
        made = SqliteLog(tmp_path / "data" / "log.sqlite", 2)
    else:
        server: KafkaServer = request.getfixturevalue("kafka_server")
        prefix = f"{request.node.originalname}.".replace("_", "-")
        monkeypatch.setenv("HUISHENG_BUS__KIND", "kafka")
        monkeypatch.setenv("HUISHENG_BUS__BROKERS", json.dumps(server.brokers))
        monkeypatch.setenv("HUISHENG_BUS__PREFIX", prefix)
        monkeypatch.setenv("HUISHENG_BUS__PARTITIONS", "2")
        made = KafkaLog(KafkaSettings(server.brokers, prefix, 2))
    with closing(made):
        yield made


def bury(log: Log, offset: int, value: bytes, reason: str = "not ours") -> None:
    """As a stage did that met it at this offset."""
    at = AT + timedelta(minutes=offset)
    log.publish(DEAD_LETTERS, [letter_of(Record(POSTS, 1, offset, "bbs", value), reason, at)])


def letters(folder: Path, *arguments: str, answer: str = "") -> Result:
    with chdir(folder):
        return CliRunner().invoke(app, ["dead-letters", *arguments], input=answer)


def values(log: Log) -> list[bytes]:
    return [record.value for record in log.scan(POSTS)]


def test_letters_are_listed_replayed_once_and_dropped(log: Log, tmp_path: Path) -> None:
    for offset in (9, 7, 8):
        bury(log, offset, f"第 {offset} 帖\n\x1b[31m".encode() + b"x" * 200)
    bury(log, 7, "第 7 帖".encode(), "told again after a crash")
    listed = letters(tmp_path, "list")
    assert listed.exit_code == 0
    lines = listed.stdout.splitlines()
    assert lines[0] == "posts/1/7  2026-03-01 09:09:03  told again after a crash"
    assert [line.split()[0] for line in lines[::2]] == ["posts/1/7", "posts/1/8", "posts/1/9"]
    assert lines[3] == "    第 8 帖  [31m" + "x" * 69
    assert "3 封待处理" in listed.stderr

    done = letters(tmp_path, "replay", "posts/1/7", "posts/1/9")
    assert (done.exit_code, "2 封已重新发布" in done.stderr) == (0, True)
    again = letters(tmp_path, "replay", "posts/1/7")
    assert again.exit_code == 2
    assert "posts/1/7 is not open; see `huisheng dead-letters list`" in again.stderr
    assert sorted(value[:5].decode() for value in values(log)) == ["第 7", "第 9"]

    asked = letters(tmp_path, "drop", "--all", answer="n\n")
    assert asked.exit_code == 1
    assert letters(tmp_path, "drop", "--all", answer="y\n").exit_code == 0
    assert (letters(tmp_path, "list").stdout, len(values(log))) == ("", 2)


def test_whole_letters_come_as_json(log: Log, tmp_path: Path) -> None:
    bury(log, 7, b"\xff\x00 not text")
    (line,) = letters(tmp_path, "list", "--json").stdout.splitlines()
    letter = read_dead_letter(line.encode())
    assert (letter.data, letter.origin, letter.at) == (
        b"\xff\x00 not text",
        (POSTS, 1, 7),
        AT + timedelta(minutes=7),
    )


def test_a_letter_of_which_a_part_is_kept_is_not_published(log: Log, tmp_path: Path) -> None:
    bury(log, 7, b"x" * (KEPT_BYTES + 1))
    bury(log, 8, b"whole")
    done = letters(tmp_path, "replay", "--all")
    assert done.exit_code == 1
    assert "posts/1/7: only its beginning was kept" in done.stderr
    assert "1 封已重新发布" in done.stderr
    assert values(log) == [b"whole"]
    assert letters(tmp_path, "drop", "posts/1/7", "--yes").exit_code == 0
    assert letters(tmp_path, "list").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("replay",), "name the places that `list` shows, or give --all"),
        (("drop", "--all", "posts/1/7"), "name the places that `list` shows, or give --all"),
        (("drop", "posts/1/8", "--yes"), "posts/1/8 is not open"),
    ],
)
def test_what_is_meant_must_be_said(tmp_path: Path, arguments: tuple[str, ...], found: str) -> None:
    (tmp_path / "config").mkdir()
    with closing(SqliteLog(tmp_path / "data" / "log.sqlite")) as log:
        bury(log, 7, b"x")
    done = letters(tmp_path, *arguments)
    assert (done.exit_code, found in done.stderr) == (2, True)


def test_without_a_log_there_is_nothing_to_list(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    done = letters(tmp_path, "list")
    assert done.exit_code == 2
    assert "data: holds no log yet" in done.stderr


def test_letters_go_with_the_retention(tmp_path: Path) -> None:
    """A stage that counts them, and a command that lists them, hold nothing back."""
    path, clock = tmp_path / "data" / "log.sqlite", ManualClock(AT)
    (tmp_path / "config").mkdir()
    text = "某校食堂的一条旧帖".encode()
    with closing(SqliteLog(path, 2, clock)) as log:
        bury(log, 7, text * 100)
        assert "posts/1/7" in letters(tmp_path, "list").stdout
        assert log.trim(AT + timedelta(days=1)) == 1
        assert letters(tmp_path, "list").stdout == ""
        assert text not in b"".join(each.read_bytes() for each in path.parent.iterdir())


def notice(process: Running) -> str:
    """What the status says, without the breaks of its lines."""
    return " ".join(process.run("status").stdout.split())


@pytest.mark.timeout(120)
def test_a_running_process_takes_up_what_is_published_again(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    now = datetime.now(UTC)
    post = RawPost(
        id="1",
        source="bbs",
        source_kind=SourceKind.FORUM,
        url="http://bbs.example/1",
        title="食堂饭菜变质",
        body="",
        published_at=now,
        seen_at=now,
        counted_at=now,
    )
    with closing(SqliteLog(tmp_path / "data" / "log.sqlite")) as log:
        bury(log, 7, encode(post), "an older version could not read it")
        log.publish(POSTS, [Entry("bbs", b"\xff")])
    with running(tmp_path, "data", "run") as process:
        process.wait_until("SELECT 1", 1)
        wait_until(lambda: "1 messages set aside; last posts/" in notice(process), "told", 30)
        wait_until(lambda: "2 dead letters open: see `huisheng" in notice(process), "counted", 30)
        assert process.run("dead-letters", "replay", "--all").returncode == 0
        process.wait_until("SELECT count() FROM posts FINAL", 1)
        wait_until(lambda: "2 messages set aside; last posts/" in notice(process), "told", 30)
        listed = process.run("dead-letters", "list")
        assert listed.stdout.count("posts/") == 1
        assert "not a message of ours" in listed.stdout

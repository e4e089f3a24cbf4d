"""The commands as a user types them: what stands on stdout, what on stderr, and the exit code."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from monitor.__main__ import app
from monitor.runfile import DataFolder, url_of
from tests.engines.process import free_port

ROOT = Path(__file__).parents[2]
PARENTS = {
    "source": "bbs",
    "source_kind": "forum",
    "url": "http://bbs.example/1",
    "published_at": "2026-11-02T08:00:00+08:00",
}
FEED = """<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>论坛</title>
<item><title>食堂饭菜变质</title><link>http://bbs.example/t/1</link><author>某家长</author>
<description>投诉学校食堂</description><pubDate>Mon, 02 Nov 2026 08:00:00 +0800</pubDate></item>
</channel></rss>"""


def huisheng(*arguments: str, stdin: str = "", where: Path | None = None) -> Result:
    """The command in this process, in the folder `where`."""
    with chdir(where or Path.cwd()):
        return CliRunner().invoke(app, list(arguments), input=stdin.encode())


@contextmanager
def answering(body: bytes) -> Iterator[int]:
    """The port of a server that answers each POST with `body`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def objects(done: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def post(**fields: object) -> str:
    return json.dumps({"id": "1", "title": "", "body": "", **PARENTS, **fields}, ensure_ascii=False)


def test_parse_prints_a_line_a_post_and_goes_on_after_a_bad_file(tmp_path: Path) -> None:
    (tmp_path / "good.xml").write_text(FEED, "utf-8")
    (tmp_path / "page.html").write_text("<html><title>维护中</title></html>", "utf-8")
    done = huisheng("parse", "missing.xml", "page.html", "good.xml", where=tmp_path)
    assert done.exit_code == 1
    (found,) = objects(done)
    assert found["file"] == "good.xml"
    assert (found["title"], found["body"]) == ("食堂饭菜变质", "投诉学校食堂")
    assert found["published_at"] == "2026-11-02T00:00:00Z"
    assert "某家长" not in done.stdout
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["missing.xml", "page.html"]


def test_tag_gives_the_same_object_with_its_tags() -> None:
    given = {"id": "1", "title": "投诉食堂饭菜变质", "body": "学校食堂的菜馊了", "author": "某家长"}
    done = huisheng("tag", stdin=json.dumps(given, ensure_ascii=False))
    assert (done.exit_code, done.stderr) == (0, "")
    (found,) = objects(done)
    assert isinstance(found["topics"], list)
    assert found["topics"][0] == "food_safety"
    assert (found["category"], found["owed"]) == ("food_safety", "complaint")
    assert (found["danger"], found["sensitivity"]) == (False, 2)
    assert found["department"] in {"教育文体", "商贸旅游", "卫生计生"}
    assert "author" not in found
    why = found["why"]
    assert isinstance(why, list)
    assert {entry["tag"] for entry in why} >= {"food_safety", "complaint"}
    assert {entry["by"] for entry in why} == {"rule", "model"}
    assert all(entry["words"] for entry in why if entry["by"] == "rule")
    assert all(0 <= entry["score"] <= 1 for entry in why if entry["by"] == "model")
    assert found["rules_version"]
    assert found["model_version"]


def test_tag_tells_bad_lines_and_goes_on() -> None:
    done = huisheng("tag", stdin=f"not json\n[1]\n{post(replies='many')}\n{post()}\n")
    assert done.exit_code == 1
    assert len(objects(done)) == 1
    assert [line.split(":")[1] for line in done.stderr.splitlines()] == ["1", "2", "3"]


def test_replay_prints_events_and_nothing_else(tmp_path: Path) -> None:
    lines = [
        post(
            id=str(n), title="投诉食堂饭菜变质", body="学校食堂的菜馊了", url=f"http://{n}.example/"
        )
        for n in range(3)
    ]
    late = post(id="0", title="投诉食堂饭菜变质", seen_at="2026-11-02T09:00:00+08:00", replies=60)
    timeless = post(id="9", published_at=None)
    local = post(id="9", published_at="2026-11-02T08:00:00")
    (tmp_path / "posts.jsonl").write_text("\n".join([*lines, late, timeless, local]), "utf-8")
    done = huisheng("replay", "posts.jsonl", where=tmp_path)
    assert done.exit_code == 1
    assert [line.split(":")[1] for line in done.stderr.splitlines()] == ["5", "6"]
    found = objects(done)
    assert [event["kind"] for event in found] == ["opened", "raised", "lowered", "closed"]
    assert found[0] == {
        "at": "2026-11-02T00:00:00Z",
        "matter": {**found[0]["matter"], "topic": "food_safety", "unit": ""},  # type: ignore[dict-item]
        "kind": "opened",
        "tier": 1,
        "tier_name": "一般",
        "reason": "concerns",
        "window": {
            "posts": 3,
            "concerns": 3,
            "stories": 1,
            "sites": 3,
            "sources": 1,
            "replies": 0,
            "views": 0,
            "coverage": 1.0,
        },
        "report_by": "2026-11-02T16:00:00Z",
    }
    assert found[-1]["report_by"] is None


def test_replay_reads_on_after_lines_that_no_reader_expects(tmp_path: Path) -> None:
    odd = [
        "[" * 20_000,
        post(id="8", published_at="0001-01-01T00:00:00Z"),
        "\ufeff" + post(id="7", published_at="2026-11-02T08:00+08:00"),
    ]
    lines = [post(id=str(n), title="投诉食堂饭菜变质", body="学校食堂的菜馊了") for n in range(3)]
    (tmp_path / "posts.jsonl").write_text("\r\n".join([*odd, *lines, "\ufeff"]), "utf-8")
    done = huisheng("replay", "posts.jsonl", where=tmp_path)
    assert done.exit_code == 1
    assert [line.split(":")[1] for line in done.stderr.splitlines()] == ["1", "2"]
    assert [event["kind"] for event in objects(done)] == ["opened", "closed"]


def test_replay_tells_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = huisheng("replay", "none.jsonl", where=tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("none.jsonl: can't be read")


def test_init_writes_a_config_that_check_accepts_and_is_not_overwritten(tmp_path: Path) -> None:
    done = huisheng("init", where=tmp_path)
    assert done.exit_code == 0
    written = done.stdout.split()
    assert {"config/sources.toml", "config/topics/food_safety.txt"} <= set(written)
    checked = huisheng("check", where=tmp_path)
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert checked.stdout.startswith("config: ok — 0 sources, 0 units, 18 topics")
    again = huisheng("init", where=tmp_path)
    assert again.exit_code == 2
    assert "config: is there already and not empty" in again.stderr


def test_check_tells_every_problem_with_its_place_and_remedy(tmp_path: Path) -> None:
    huisheng("init", where=tmp_path)
    (tmp_path / "config" / "huisheng.toml").write_text("[page]\nprot = 1\n", "utf-8")
    (tmp_path / "config" / "alerts.toml").write_text('key_topics = ["food"]\n', "utf-8")
    done = huisheng("check", where=tmp_path)
    assert done.exit_code == 2
    assert done.stderr.splitlines()[0].startswith(
        "config/huisheng.toml: page.prot: unknown key; did you mean port?"
    )
    assert "config/alerts.toml: key_topics: no topic 'food'; known: " in done.stderr


def test_sql_without_a_store_says_how_to_get_one(tmp_path: Path) -> None:
    done = huisheng("sql", "SELECT 1", where=tmp_path)
    assert done.exit_code == 2
    assert "holds no store yet; start one with `make run`" in done.stderr


def test_migrate_makes_a_store_that_sql_reads(tmp_path: Path) -> None:
    huisheng("init", where=tmp_path)
    done = huisheng("migrate", where=tmp_path)
    assert done.stdout.split() == [
        "0001_posts.sql",
        "0002_matters.sql",
        "0003_leadership.sql",
        "0004_matter_windows.sql",
        "0005_versions.sql",
    ]
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    asked = huisheng("sql", "SELECT count() AS n FROM posts", "--format", "jsonl", where=tmp_path)
    assert (asked.stdout, asked.stderr) == ('{"n":0}\n', "")
    refused = huisheng("sql", "DROP TABLE posts", where=tmp_path)
    assert refused.exit_code == 2
    assert "only SELECT" in refused.stderr
    wrong = huisheng("sql", "SELECT nothing FROM posts", where=tmp_path)
    assert wrong.exit_code == 2
    assert "docs/columns.md" in wrong.stderr


def test_the_settings_that_are_named_say_which_store_is_asked(tmp_path: Path) -> None:
    """Also from a folder without config/, where the sample town is meant else."""
    huisheng("init", "here", where=tmp_path)
    huisheng("migrate", "--config", "here", where=tmp_path)
    for options in (("--config", "here"), ()):
        asked = huisheng("sql", "SELECT count() FROM posts", *options, where=tmp_path)
        assert (asked.exit_code, asked.stderr) == (0, "")
    huisheng("init", "there", where=tmp_path)
    (tmp_path / "there" / "huisheng.toml").write_text('[data]\ndir = "empty"\n', "utf-8")
    asked = huisheng("sql", "SELECT 1", "--config", "there", where=tmp_path)
    assert asked.stderr == "empty: holds no store yet; start one with `make run`\n"


def test_a_running_process_is_asked_past_any_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its token is for nobody else."""
    huisheng("init", where=tmp_path)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    held = DataFolder(tmp_path / "data")
    with answering(b"1\n") as port:
        held.announce("127.0.0.1", port, "token")
        asked = huisheng("sql", "SELECT 1", where=tmp_path)
    held.close()
    assert (asked.stdout, asked.stderr) == ("1\n", "")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("::", "http://[::1]:8000"),
    ],
)
def test_a_page_is_asked_where_it_listens(host: str, url: str) -> None:
    assert url_of(host, 8000) == url


def test_a_backup_that_can_not_be_written_is_told_in_a_line(tmp_path: Path) -> None:
    huisheng("init", where=tmp_path)
    huisheng("migrate", where=tmp_path)
    (tmp_path / "taken").write_text("no folder", "utf-8")
    done = huisheng("backup", "taken", where=tmp_path)
    assert done.exit_code == 2
    assert done.stderr == (
        "[Errno 17] File exists: 'taken'; see that the files can be read and written, and the "
        "free space\n"
    )


def test_a_reader_is_refused_before_an_embedded_store_is_made(tmp_path: Path) -> None:
    done = huisheng("reader", "wang", stdin="a long password\n", where=tmp_path)
    assert done.exit_code == 2
    assert "the embedded store has no users" in done.stderr
    assert not (tmp_path / "data").exists()


def test_an_action_on_no_open_matter_is_refused(tmp_path: Path) -> None:
    huisheng("init", where=tmp_path)
    huisheng("migrate", where=tmp_path)
    done = huisheng("act", "m-1", "reported", "--by", "王", "--note", "区教育局", where=tmp_path)
    assert done.exit_code == 2
    assert done.stderr.startswith("act: ")


def test_migrate_and_run_refuse_a_folder_in_use(tmp_path: Path) -> None:
    huisheng("init", where=tmp_path)
    held = DataFolder(tmp_path / "data")
    held.announce("127.0.0.1", 1, "token")
    for command in ("migrate", "run"):
        done = huisheng(command, where=tmp_path)
        assert done.exit_code == 2
        assert f"data.dir: data is in use by process {os.getpid()}" in done.stderr
    held.close()


@pytest.mark.parametrize("command", ["collect", "analyze", "alert", "dashboard"])
def test_a_stage_alone_needs_server_settings(command: str, tmp_path: Path) -> None:
    done = huisheng(command, where=tmp_path)
    assert done.exit_code == 2
    assert f"huisheng {command}: needs server settings" in done.stderr


def test_status_says_that_nothing_runs(tmp_path: Path) -> None:
    done = huisheng("status", where=tmp_path)
    assert done.exit_code == 1
    assert "not running" in done.stdout
    huisheng("init", where=tmp_path)
    huisheng("migrate", where=tmp_path)
    stored = huisheng("status", where=tmp_path)
    assert stored.exit_code == 1
    assert "没有进行中的事项" in stored.stdout


def test_a_server_that_is_away_is_told_in_a_line(tmp_path: Path) -> None:
    """In a process of its own, where nothing takes what the driver logs."""
    place = f"http://127.0.0.1:{free_port()}/huisheng"
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "sql", "SELECT 1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HUISHENG_STORE__DSN": place},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        2,
        f"{place}: ClickHouse does not answer: [Errno 111] Connection refused; start it, or mend "
        "store.dsn\n",
    )


def test_stdout_holds_json_lines_alone_in_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_text(FEED, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "parse", "feed.xml"],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=60,
        check=True,
    )
    assert [json.loads(line)["title"] for line in done.stdout.splitlines()] == ["食堂饭菜变质"]
    assert done.stderr == b""


def test_every_command_has_an_example() -> None:
    listed = huisheng("--help").stdout
    commands = [
        command.name or command.callback.__name__
        for command in app.registered_commands
        if command.callback
    ]
    assert len(commands) == 22
    for command in commands:
        assert command in listed
        assert "Example: huisheng" in huisheng(command, "--help").stdout
    # Square brackets are markup there and would swallow it.
    assert "(default: config/, else" in " ".join(huisheng("check", "--help").stdout.split())

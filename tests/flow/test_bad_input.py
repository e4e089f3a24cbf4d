"""What goes wrong outside is told where the user looks, and what was good is kept."""

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bus.log import POSTS, Entry
from bus.sqlite_log import SqliteLog
from tests.flow.running import running

GOOD = """<?xml version="1.0" encoding="{charset}"?><rss version="2.0"><channel><title>论坛</title>
<item><title>食堂饭菜变质</title><link>http://{name}.example/1</link>
<pubDate>{date}</pubDate></item></channel></rss>"""


def feed(name: str, charset: str = "utf-8", encoding: str = "utf-8") -> bytes:
    date = format_datetime(datetime.now(UTC))
    return GOOD.format(name=name, charset=charset, date=date).encode(encoding)


DOCUMENTS = {
    "good": feed("good"),
    "mislabelled": feed("mislabelled", "gb2312", "gb18030"),
    "wrong": feed("wrong", "utf-8", "gb18030"),
    "page": "<html><head><title>系统维护</title></head><body>请稍后再来</body></html>".encode(),
    "empty": b"",
    "broken": b"<?xml version='1.0'?><rss><channel><ite",
    "large": b"<rss>" + b" " * 300_000,
}
BAD = {
    "page": "not_a_feed",
    "empty": "not_a_feed",
    "broken": "not_a_feed",
    "large": "too_large",
    "missing": "http_error",
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = DOCUMENTS.get(self.path.strip("/"))
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def write_config(folder: Path, port: int) -> None:
    (folder / "config").mkdir()
    settings = "[fetch]\nallow_private = true\nmax_bytes = 200000\n"
    (folder / "config/huisheng.toml").write_text(settings, "utf-8")
    sources = (
        f'[[source]]\nid = "{name}"\nname = "{name}"\nkind = "forum"\n'
        f'url = "http://127.0.0.1:{port}/{name}"\n'
        for name in (*DOCUMENTS, "missing")
    )
    (folder / "config/sources.toml").write_text("\n".join(sources), "utf-8")


@pytest.mark.timeout(120)
def test_each_bad_feed_is_told_and_the_good_ones_are_stored(tmp_path: Path, site: int) -> None:
    write_config(tmp_path, site)
    with running(tmp_path, "data", "run") as process:
        process.wait_until("SELECT uniqExact(source) FROM polls", len(DOCUMENTS) + 1)
        process.wait_until("SELECT count() FROM posts FINAL", 3)
        titles = process.sql("SELECT source, title FROM posts FINAL ORDER BY source")
        assert titles == [[name, "食堂饭菜变质"] for name in ("good", "mislabelled", "wrong")]
        page = process.get("/").decode()
        status = process.run("status")
        assert status.returncode == 1
        for name, outcome in BAD.items():
            assert f"{name}: {outcome} " in status.stdout
            assert f'"source": "{name}"' in process.told()
        assert "系统维护" in page
        assert process.end(signal.SIGTERM) == 0


@pytest.mark.timeout(120)
def test_a_message_that_is_not_ours_is_set_aside_and_told(tmp_path: Path, site: int) -> None:
    write_config(tmp_path, site)
    (tmp_path / "data").mkdir()
    log = SqliteLog(tmp_path / "data/log.sqlite")
    log.publish(POSTS, [Entry("good", b'{"schema":"post/9"}'), Entry("good", b"\xff")])
    log.close()
    with running(tmp_path, "data", "run") as process:
        process.wait_until("SELECT count() FROM posts FINAL", 3)
        assert "2 messages set aside; last posts/" in process.run("status").stdout
        assert "not a message of ours" in process.get("/").decode()
        assert b'huisheng_dead_letters_total{stream="posts"} 2.0' in process.get("/metrics")
        assert process.get("/healthz") == b"ok\n"
        assert process.end(signal.SIGTERM) == 0
    assert "message set aside" in process.told()


@pytest.mark.timeout(60)
def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path, site: int) -> None:
    write_config(tmp_path, site)
    with running(tmp_path, "data", "check") as process:
        process.environment["HUISHENG_PAGE__PORT"] = str(site)
        done = process.run("run")
    assert done.returncode == 2
    assert f"page.port: 127.0.0.1:{site} is in use" in done.stderr


def test_status_lines_are_json_on_request_of_no_terminal(tmp_path: Path, site: int) -> None:
    """Log lines of a process without a terminal can be read by machines."""
    write_config(tmp_path, site)
    with running(tmp_path, "data", "run") as process:
        process.wait_until("SELECT uniqExact(source) FROM polls", len(DOCUMENTS) + 1)
        process.end(signal.SIGTERM)
    lines = [json.loads(line) for line in process.told().splitlines() if line.startswith("{")]
    assert {line["source"] for line in lines if "outcome" in line} == set(BAD)

"""SIGTERM to each stage of server mode, on real engines that answer, are away, or hang."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError

import pytest

from runtime.clock import stopwatch
from runtime.probes import read_health
from storage.store import Store, StoreError
from tests.engines.clickhouse_server import ClickHouseServer
from tests.engines.kafka_server import KafkaServer
from tests.engines.process import free_port, wait_until
from tests.flow.running import ROOT
from tests.promtool import promtool

STAGES = ("collect", "analyze", "alert", "dashboard")
STOP_SECONDS = 10.0
PATIENCE_SECONDS = 90
# A loop that is silent for so long waits for an answer: the analyzers go round twice a second, the
# dashboard asks the store every 10 s.
WAITS_SECONDS = {"kafka": 3.0, "clickhouse": 13.0}
PAUSE = threading.Event()
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>f</title>{}</channel></rss>"""
ITEM = "<item><guid>{0}</guid><link>http://127.0.0.1/{0}</link><title>食堂 {0}</title></item>"


class Feed(ThreadingHTTPServer):
    """A site whose feed lists `posts` posts."""

    def __init__(self) -> None:
        self.posts = 60
        self.asked_in_vain = threading.Event()
        self.done = threading.Event()
        super().__init__(("127.0.0.1", 0), _Page)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.done.set()
        self.shutdown()
        self.server_close()


class _Page(BaseHTTPRequestHandler):
    server: Feed

    def do_GET(self) -> None:
        if self.path == "/hangs":
            self.server.asked_in_vain.set()
            self.server.done.wait()
            return
        body = FEED.format("".join(map(ITEM.format, range(self.server.posts)))).encode()
        self.send_response(200 if self.path == "/feed" else 404)
        self.send_header("Content-Type", "application/rss+xml; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass
class StageProcess:
    """`at`: the setting of the port on which it tells how it is."""

    name: str
    folder: Path
    environment: dict[str, str]
    at: str = "HUISHENG_HEALTH__PORT"
    process: subprocess.Popen[bytes] | None = None
    port: int = 0

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        self.port = free_port()
        environment = {**self.environment, self.at: str(self.port)}
        command = [sys.executable, "-m", "monitor", self.name, "--config", str(self.folder)]
        with self.log.open("ab") as log, (self.folder / "out").open("ab") as out:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=out, stderr=log
            )

    def ask(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as reply:
                return reply.status, reply.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]


@dataclass(frozen=True)
class House:
    stages: tuple[StageProcess, ...]

    def start(self) -> None:
        for stage in self.stages:
            stage.start()

    def wait_for(self, path: str, code: int) -> None:
        def so() -> bool:
            return all(stage.ask(path)[0] == code for stage in self.stages)

        try:
            wait_until(so, f"{path} {code}", PATIENCE_SECONDS)
        except TimeoutError:
            told = {stage.name: (stage.ask(path), stage.lines()[-3:]) for stage in self.stages}
            pytest.fail(f"{path} is not {code} everywhere: {told}")

    def stop(self) -> dict[str, int]:
        """SIGTERM to all at once; the exit code of each, all within STOP_SECONDS."""
        begun, seconds, codes = stopwatch(), {}, {}
        for stage in self.stages:
            assert stage.process
            stage.process.send_signal(signal.SIGTERM)
        waiting = {stage.name: stage.process for stage in self.stages if stage.process}
        while waiting and stopwatch() - begun < 3 * STOP_SECONDS:
            for name, process in list(waiting.items()):
                if process.poll() is not None:
                    seconds[name], codes[name] = round(stopwatch() - begun, 1), process.returncode
                    del waiting[name]
            PAUSE.wait(0.05)
        assert not waiting, f"still there: {sorted(waiting)}; others ended after {seconds}"
        assert max(seconds.values()) < STOP_SECONDS, seconds
        return codes

    def close(self) -> None:
        for stage in self.stages:
            stage.end()


def in_house(folder: Path, feed: int, environment: dict[str, str]) -> House:
    source = f'id = "a"\nname = "a"\nkind = "forum"\nurl = "http://127.0.0.1:{feed}/feed"\n'
    pace = "interval_minutes = 1\n"
    (folder / "sources.toml").write_text(f"[[source]]\n{source}{pace}", "utf-8")
    given = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HUISHENG_BUS__KIND": "kafka",
        "HUISHENG_FETCH__ALLOW_PRIVATE": "true",
        "HUISHENG_PAGE__PORT": "0",
        **environment,
    }
    return House(tuple(StageProcess(name, folder, given) for name in STAGES))


@pytest.fixture
def feed() -> Iterator[Feed]:
    served = Feed()
    yield served
    served.close()


@pytest.fixture
def store(tmp_path: Path, clickhouse_server: ClickHouseServer) -> Iterator[Store]:
    database = f"stop_{tmp_path.name}".replace("-", "_")
    server = Store(f"{clickhouse_server.url}/default")
    server.command("CREATE DATABASE {name:Identifier}", {"name": database})
    server.close()
    opened = Store(f"{clickhouse_server.url}/{database}")
    yield opened
    opened.close()


@pytest.fixture
def house(tmp_path: Path, kafka_server: KafkaServer, store: Store, feed: Feed) -> Iterator[House]:
    environment = {
        "HUISHENG_BUS__BROKERS": json.dumps(kafka_server.brokers),
        "HUISHENG_BUS__PREFIX": f"{store.dsn.rpartition('/')[2]}.",
        "HUISHENG_STORE__DSN": store.dsn,
    }
    made = in_house(tmp_path, feed.server_port, environment)
    yield made
    made.close()


def stored(store: Store) -> int:
    try:
        ((found,),) = store.rows("SELECT uniqExact(source, id) FROM posts")
    except StoreError:
        return 0
    return int(found)


def wait_for_posts(store: Store, feed: Feed) -> None:
    wait_until(lambda: stored(store) == feed.posts, f"{feed.posts} posts", 2 * PATIENCE_SECONDS)


def silence(stage: StageProcess) -> float:
    """Seconds since its loop last went round."""
    code, text = stage.ask("/health.json")
    if code != 200:
        return 0
    (told,) = read_health(text.encode())
    assert told.beat_at
    return (datetime.now(UTC) - told.beat_at).total_seconds()


@pytest.mark.timeout(400)
def test_all_stages_tell_how_they_are_and_stop_in_time(
    house: House, store: Store, feed: Feed
) -> None:
    house.start()
    house.wait_for("/readyz", 200)
    wait_for_posts(store, feed)
    for stage in house.stages:
        _, text = stage.ask("/metrics")
        assert promtool("check", "metrics", text=text.encode()) == ""
        assert f'huisheng_stage_ready{{stage="{stage.name}"}} 1.0' in text
    assert set(house.stop().values()) == {0}
    for stage in house.stages:
        lines = stage.lines()
        assert all({"stage", "instance", "level", "timestamp"} <= set(line) for line in lines)
        assert [line for line in lines if line["level"] == "error"] == []
    (published,) = [x for x in house.stages[0].lines() if x["event"] == "published"]
    assert (published["source"], published["posts"]) == ("a", feed.posts)
    batches = [line for line in house.stages[1].lines() if line["event"] == "batch"]
    assert any("posts/" in str(line["ranges"]) for line in batches)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("hanging", ["kafka", "clickhouse"])
def test_an_engine_that_hangs_does_not_hold_up_the_end(
    house: House,
    store: Store,
    feed: Feed,
    engines: dict[str, KafkaServer | ClickHouseServer],
    hanging: str,
) -> None:
    """Paused, its port stays open and nobody answers; whoever asks it is in the midst of that."""
    house.start()
    house.wait_for("/readyz", 200)
    wait_for_posts(store, feed)
    by_name = {stage.name: stage for stage in house.stages}
    asking = by_name["analyze" if hanging == "kafka" else "dashboard"]
    engines[hanging].send(signal.SIGSTOP)
    try:
        feed.posts += 60
        wait_until(lambda: silence(asking) > WAITS_SECONDS[hanging], "asked it", 60)
        codes = house.stop()
    finally:
        engines[hanging].send(signal.SIGCONT)
    assert set(codes.values()) <= {0, 1}
    house.start()
    house.wait_for("/readyz", 200)
    wait_for_posts(store, feed)
    house.stop()


@pytest.mark.parametrize("listens", [False, True], ids=["away", "silent"])
def test_engines_that_never_answered_are_waited_for_and_told_once(
    tmp_path: Path, feed: Feed, *, listens: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if listens else free_port()
        environment = {
            "HUISHENG_BUS__BROKERS": f'["127.0.0.1:{port}"]',
            "HUISHENG_STORE__DSN": f"http://127.0.0.1:{port}/huisheng",
        }
        house = in_house(tmp_path, feed.server_port, environment)
        try:
            house.start()
            house.wait_for("/readyz", 503)
            house.wait_for("/healthz", 200)
            settled = is_in_wait if listens else has_told
            wait_until(lambda: all(settled(each) for each in house.stages), "settled", 60)
            codes = house.stop()
        finally:
            house.close()
    assert set(codes.values()) <= ({0, 1} if listens else {0})
    for stage in house.stages:
        assert [line["event"] for line in stage.lines()].count("waits") <= 1


def is_in_wait(stage: StageProcess) -> bool:
    return silence(stage) > WAITS_SECONDS["kafka"]


def has_told(stage: StageProcess) -> bool:
    code, text = stage.ask("/readyz")
    return code == 503 and "127.0.0.1:" in text and "waits" in stage.log.read_text("utf-8")


@pytest.mark.timeout(300)
def test_the_embedded_process_stops_in_time_while_a_site_hangs(tmp_path: Path, feed: Feed) -> None:
    sources = [
        f'[[source]]\nid = "{name}"\nname = "{name}"\nkind = "forum"\n'
        f'url = "http://127.0.0.1:{feed.server_port}/{name}"\n'
        for name in ("feed", "hangs")
    ]
    (tmp_path / "sources.toml").write_text("\n".join(sources), "utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HUISHENG_FETCH__ALLOW_PRIVATE": "true",
        "HUISHENG_SQL__PORT": "0",
    }
    whole = House((StageProcess("run", tmp_path, environment, "HUISHENG_PAGE__PORT"),))
    told = f'huisheng_stored_total{{stream="posts"}} {feed.posts}.0'
    try:
        whole.start()
        wait_until(lambda: told in whole.stages[0].ask("/metrics")[1], told, PATIENCE_SECONDS)
        promtool("check", "metrics", text=whole.stages[0].ask("/metrics")[1].encode())
        assert feed.asked_in_vain.wait(PATIENCE_SECONDS)
        codes = whole.stop()
    finally:
        whole.close()
    assert set(codes.values()) <= {0, 1}
    lines = whole.stages[0].lines()
    assert all({"stage", "instance", "level", "timestamp"} <= set(line) for line in lines)


@pytest.fixture
def engines(
    kafka_server: KafkaServer, clickhouse_server: ClickHouseServer
) -> dict[str, KafkaServer | ClickHouseServer]:
    return {"kafka": kafka_server, "clickhouse": clickhouse_server}

"""Three collectors on a real Kafka: one is killed, one paused for too long, one stopped."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bus.kafka_log import KafkaLog, KafkaSettings
from bus.log import POSTS, partition_of
from runtime.clock import stopwatch
from schemas.codec import decode
from schemas.posts import RawPost
from tests.collectors.documents import item, rss
from tests.engines.kafka_server import KafkaServer
from tests.engines.process import wait_until
from tests.flow.running import ROOT

SPEED = 20
# A source is asked once in so many seconds: a minute of the fast clock.
INTERVAL_SECONDS = 60 / SPEED
PATIENCE_SECONDS = 60
SOURCES = tuple(f"s{number}" for number in range(12))
NAMES = ("a", "b", "c")


@dataclass(frozen=True)
class Asked:
    source: str
    by: str
    began: float
    ended: float


class Sites:
    """Lists that grow at each look until they are told not to; notes who asked when."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.grows = True
        self.lengths: Counter[str] = Counter()
        self._lock = threading.Lock()

    def answer(self, source: str, by: str) -> bytes:
        began = stopwatch()
        with self._lock:
            self.lengths[source] += self.grows
            newest = self.lengths[source]
        body = rss(*(item(number) for number in range(max(1, newest - 30), newest + 1)))
        # Long enough that two who ask at once would be seen.
        threading.Event().wait(0.02)
        with self._lock:
            self.asked.append(Asked(source, by, began, stopwatch()))
        return body

    def askers(self, since: int = 0) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for each in self.asked[since:]:
            found[each.by].add(each.source)
        return found


def handler(sites: Sites) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path.strip("/") in SOURCES
            by = self.headers["User-Agent"].partition("/")[0]
            body = sites.answer(self.path.strip("/"), by) if known else b""
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except BrokenPipeError:
                return

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def served(sites: Sites) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(sites))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_config(folder: Path, port: int, server: KafkaServer, prefix: str) -> None:
    folder.mkdir()
    brokers = json.dumps(list(server.brokers))
    (folder / "huisheng.toml").write_text(
        f'[bus]\nkind = "kafka"\nbrokers = {brokers}\nprefix = "{prefix}"\n'
        '[store]\ndsn = "http://127.0.0.1:1/unused"\n[fetch]\nallow_private = true\n',
        "utf-8",
    )
    sources = (
        f'[[source]]\nid = "{name}"\nname = "{name}"\nkind = "forum"\ninterval_minutes = 1\n'
        f'url = "http://127.0.0.1:{port}/{name}"\n'
        for name in SOURCES
    )
    (folder / "sources.toml").write_text("\n".join(sources), "utf-8")


class Crew:
    def __init__(self, folder: Path, sites: Sites, stack: ExitStack) -> None:
        self.folder, self.sites, self.stack = folder, sites, stack
        self.start_at = datetime.now(UTC).isoformat()
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        out = self.stack.enter_context((self.folder / f"{name}.txt").open("wb"))
        environment = {
            **os.environ,
            "HUISHENG_DATA__DIR": str(self.folder / name),
            "HUISHENG_FETCH__USER_AGENT": f"{name}/1 (+test)",
        }
        arguments = [str(self.folder / "config"), str(SPEED), self.start_at]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.flow.collecting", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        self.stack.callback(process.wait, 10)
        self.stack.callback(process.kill)
        self.running[name] = process

    def send(self, name: str, number: signal.Signals) -> None:
        self.running[name].send_signal(number)

    def wait_for(self, wanted: set[str], what: str) -> None:
        """From now on all sources are asked, by all of `wanted` at least."""
        since = len(self.sites.asked)

        def so() -> bool:
            askers = self.sites.askers(since)
            return set(askers) >= wanted and len(set().union(*askers.values())) == len(SOURCES)

        try:
            wait_until(so, what, PATIENCE_SECONDS)
        except TimeoutError as error:
            told = {name: (self.folder / f"{name}.txt").read_text()[-1500:] for name in NAMES}
            pytest.fail(f"{error}; asked by {dict(self.sites.askers(since))}; {told}")


def posts(server: KafkaServer, prefix: str) -> list[RawPost]:
    log = KafkaLog(KafkaSettings(server.brokers, prefix=prefix))
    try:
        found: list[Any] = [decode(record.value) for record in log.scan(POSTS)]
    finally:
        log.close()
    return found


@pytest.mark.timeout(180)
def test_killed_paused_and_stopped_collectors_lose_and_repeat_nothing(
    tmp_path: Path, kafka_server: KafkaServer
) -> None:
    sites, prefix = Sites(), "dealt."
    with ExitStack() as stack:
        port = stack.enter_context(served(sites))
        write_config(tmp_path / "config", port, kafka_server, prefix)
        crew = Crew(tmp_path, sites, stack)
        for name in NAMES:
            crew.start(name)
        crew.wait_for(set(NAMES), "three collectors share the sources")
        crew.send("a", signal.SIGKILL)
        crew.send("b", signal.SIGSTOP)
        crew.wait_for({"c"}, "the third one takes over all")
        crew.send("b", signal.SIGCONT)
        crew.wait_for({"b", "c"}, "the one that was paused is back")
        crew.send("c", signal.SIGTERM)
        assert crew.running["c"].wait(10) == 0
        stopped = stopwatch()
        crew.wait_for({"b"}, "the others take over from the one that left")
        assert stopwatch() - stopped < 8, "sooner than a session ends"
        sites.grows = False
        crew.wait_for({"b"}, "the last posts are fetched")
        crew.wait_for({"b"}, "and told")
        crew.send("b", signal.SIGTERM)
        assert crew.running["b"].wait(10) == 0
    check(sites, posts(kafka_server, prefix))


def check(sites: Sites, found: list[RawPost]) -> None:
    times = Counter((post.source, post.id) for post in found)
    assert set(times.values()) == {1}, "each post is told once, at one time"
    assert Counter(source for source, _ in times) == sites.lengths
    assert {partition_of(name, 4) for name in SOURCES} == {0, 1, 2, 3}
    early = 0
    for name in SOURCES:
        looks = [each for each in sites.asked if each.source == name]
        for before, after in pairwise(looks):
            assert after.began >= before.ended, "one at a time"
            early += after.began - before.began < 0.8 * INTERVAL_SECONDS
    # What was asked and not told when its asker was killed or paused is asked again at once.
    assert early <= 3

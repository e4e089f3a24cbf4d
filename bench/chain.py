"""The whole path from bus to event: embedded in one process, and as processes on real engines.

Example: python -m bench.chain --posts 30000 --mode embedded server
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console

from analyzers.tag import Tagger
from bench.memory import resident
from bench.tables import percentile, print_table, versions
from bench.town_posts import raw_posts
from bus.kafka_client import KafkaSettings
from bus.kafka_log import KafkaLog
from bus.log import POSTS, Entry, Log
from demo.town import CONFIG
from monitor.wiring import House, alert_stage, analyze_stage, open_log, open_store
from runtime.clock import ScaledClock, stopwatch
from runtime.config import Config
from runtime.health import HealthBoard
from runtime.logs import set_up
from runtime.metrics import Metrics
from runtime.settings import load_config
from schemas.codec import encode
from schemas.posts import RawPost, SourceKind
from storage.store import Store
from tests.engines.clickhouse_server import running_clickhouse
from tests.engines.kafka_server import running_kafka
from tests.engines.process import wait_until

STORED = "SELECT count() FROM posts"
EVENTS = "SELECT count() FROM matter_events WHERE tier = 4 AND unit = '青禾区第一小学'"
# From the moment of publication, which is the posts' seen_at, to the moment of the insert.
LATENCIES = """
SELECT dateDiff('millisecond', seen_at, inserted_at) FROM posts FINAL WHERE source = 'steady'
"""
STEADY = "SELECT count() FROM posts FINAL WHERE source = 'steady'"
LAST_TEXT = "青禾区第一小学食堂吃完饭多名学生呕吐腹泻，送医院洗胃，疑似食物中毒"
PATIENCE_SECONDS = 900
STEADY_RATE = 500
STEADY_BATCH = 25
FAST = 10.0


@dataclass(frozen=True)
class Chain:
    """A running chain to publish into, and the store to look into."""

    log: Log
    store: Store


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--posts", type=int, default=30_000)
    options.add_argument("--steady-seconds", type=int, default=30)
    options.add_argument("--mode", nargs="+", default=["embedded", "server"])
    asked = options.parse_args()
    set_up(json_lines=False)
    Console().print(versions("chdb", "clickhouse-connect", "kafka-python", "rjieba"))
    posts = raw_posts(asked.posts, datetime.now(UTC))
    base = tagging_rate(asked.posts)
    rows = [["tags alone, one thread (baseline)", f"{base:,.0f}", "-", "-", "-", "-", "-", "1.00"]]
    for mode in asked.mode:
        with tempfile.TemporaryDirectory() as folder, opened(mode, Path(folder)) as chain:
            rate, wait = burst(chain, [Entry(post.source, encode(post)) for post in posts])
            late = steady(chain, asked.steady_seconds)
            shares = [f"{percentile(late, share):.0f}" for share in (0.5, 0.95, 0.99)]
            memory = str(resident()) if mode == "embedded" else "-"
            ratio = f"{rate / base:.2f}"
            rows.append([mode, f"{rate:,.0f}", f"{wait:.1f}", *shares, memory, ratio])
    columns = ("chain", "stored/s", "s to event", "p50 ms", "p95", "p99", "MB", "ratio")
    title = f"bus to store and event; produce-to-stored at {STEADY_RATE} posts/s"
    print_table(title, columns, rows)


def tagging_rate(count: int) -> float:
    tagger, posts = Tagger(load_config(CONFIG)), raw_posts(min(count, 10_000))
    started = stopwatch()
    for post in posts:
        tagger.tagged(post)
    return len(posts) / (stopwatch() - started)


def burst(chain: Chain, entries: list[Entry]) -> tuple[float, float]:
    """Posts a second until all are stored, and seconds from then until the last one's event."""
    started = stopwatch()
    for start in range(0, len(entries), 1_000):
        chain.log.publish(POSTS, entries[start : start + 1_000])
    now = datetime.now(UTC)
    last = RawPost(
        id="last",
        source="last",
        source_kind=SourceKind.FORUM,
        url="http://last.example/",
        title=LAST_TEXT,
        body="",
        published_at=now,
        seen_at=now,
        counted_at=now,
    )
    chain.log.publish(POSTS, [Entry(last.source, encode(last))])
    wanted = len(entries) + 1
    wait_until(lambda: number(chain, STORED) >= wanted, "all posts stored", PATIENCE_SECONDS)
    done = stopwatch()
    wait_until(lambda: number(chain, EVENTS) > 0, "the last post's event", PATIENCE_SECONDS)
    return wanted / (done - started), stopwatch() - done


def steady(chain: Chain, seconds: int) -> list[float]:
    """Milliseconds from publication to insert, at STEADY_RATE posts a second."""
    texts = raw_posts(STEADY_RATE)
    stop = threading.Event()
    started = stopwatch()
    for batch in range(seconds * STEADY_RATE // STEADY_BATCH):
        stop.wait(max(0.0, started + batch * STEADY_BATCH / STEADY_RATE - stopwatch()))
        now = datetime.now(UTC)
        entries = []
        for place in range(STEADY_BATCH):
            text = texts[(batch * STEADY_BATCH + place) % len(texts)]
            post = msgspec.structs.replace(
                text, id=f"{batch}-{place}", source="steady", seen_at=now, counted_at=now
            )
            entries.append(Entry(f"steady{place}", encode(post)))
        chain.log.publish(POSTS, entries)
    wanted = seconds * STEADY_RATE // STEADY_BATCH * STEADY_BATCH
    wait_until(lambda: number(chain, STEADY) >= wanted, "steady posts stored", PATIENCE_SECONDS)
    return [float(late) for (late,) in chain.store.rows(LATENCIES)]


def number(chain: Chain, sql: str) -> int:
    return int(chain.store.rows(sql)[0][0])


@contextmanager
def opened(mode: str, folder: Path) -> Iterator[Chain]:
    with embedded(folder) if mode == "embedded" else server(folder) as chain:
        yield chain


@contextmanager
def embedded(folder: Path) -> Iterator[Chain]:
    """Analyzer and alerter as threads of this process. Its clock runs ten times as fast, so that
    the alerter, which decides once a minute, decides every six seconds.
    """
    config = with_data(load_config(CONFIG), folder)
    now = datetime.now(UTC)
    clock, stop = ScaledClock(now, now, FAST), threading.Event()
    house = House(config, clock, HealthBoard(), Metrics(), stop, FAST)
    with ExitStack() as stack:
        log = stack.enter_context(closing(open_log(house)))
        store = stack.enter_context(closing(open_store(config.settings)))
        stages = [analyze_stage(house, log, store), alert_stage(house, log, store)]
        threads = [threading.Thread(target=stage.run, args=(stop,)) for stage in stages]
        for thread in threads:
            thread.start()
        try:
            yield Chain(log, store)
        finally:
            stop.set()
            for thread in threads:
                thread.join()


@contextmanager
def server(folder: Path) -> Iterator[Chain]:
    """Two analyzers and an alerter as processes, on Kafka and ClickHouse."""
    with ExitStack() as stack:
        (folder / "kafka").mkdir()
        (folder / "clickhouse").mkdir()
        kafka = stack.enter_context(running_kafka(folder / "kafka"))
        clickhouse = stack.enter_context(running_clickhouse(folder / "clickhouse"))
        dsn = f"{clickhouse.url}/default"
        environment = {
            **os.environ,
            "HUISHENG_BUS__KIND": "kafka",
            "HUISHENG_BUS__BROKERS": json.dumps(kafka.brokers),
            "HUISHENG_STORE__DSN": dsn,
            "HUISHENG_DATA__DIR": str(folder / "data"),
            "HUISHENG_NOTIFY__CONSOLE": "false",
        }
        log = stack.enter_context(closing(KafkaLog(KafkaSettings(kafka.brokers))))
        for name in ("analyze", "analyze", "alert"):
            command = [sys.executable, "-m", "monitor", name, "--config", str(CONFIG)]
            process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        store = stack.enter_context(closing(Store(dsn)))
        wait_until(lambda: is_up(store), "the analyzers", PATIENCE_SECONDS)
        yield Chain(log, store)


def is_up(store: Store) -> bool:
    return bool(store.rows("SELECT 1 FROM system.tables WHERE name = 'marks'"))


def with_data(config: Config, folder: Path) -> Config:
    data = config.settings.data.model_copy(update={"dir": folder})
    quiet = config.settings.notify.model_copy(update={"console": False})
    settings = config.settings.model_copy(update={"data": data, "notify": quiet})
    return config.model_copy(update={"settings": settings})


if __name__ == "__main__":
    main()

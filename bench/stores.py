"""Inserts, and what the page and the alerter ask, at 1M, 10M or 100M posts, during inserts.

Example: python -m bench.stores --millions 1 10 --store chdb clickhouse
"""

import argparse
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from bench.filling import BASELINE, fill, open_matters, tagged_posts
from bench.tables import print_table, spread, versions
from demo.town import CONFIG
from runtime.clock import stopwatch
from runtime.config import Config, Source
from runtime.settings import load_config
from schemas.matters import Matter
from schemas.posts import SourceKind
from schemas.windows import DAY, WindowRules
from storage.counts import recount
from storage.matter_windows import windows_of
from storage.matters import deliveries_of, events_since, last_events, load_matters
from storage.migrate import migrate
from storage.page import hours_of, latest_posts, posts_by_source, standing_matters
from storage.polls import coverage, health
from storage.posts import insert_posts
from storage.store import Store
from storage.windows import SqlWindows
from tests.engines.clickhouse_server import running_clickhouse

CHART = timedelta(hours=72)
PAGE_LIMIT_MS = 150
# What is asked once a minute, and the baseline, take seconds.
SLOW_ROUNDS = 20
console = Console()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--millions", type=float, nargs="+", default=[1, 10])
    options.add_argument("--store", nargs="+", default=["chdb", "clickhouse"])
    options.add_argument("--rounds", type=int, default=60)
    asked = options.parse_args()
    console.print(versions("chdb", "clickhouse-connect"))
    for kind in asked.store:
        for millions in asked.millions:
            with opened(kind) as store:
                measure(store, f"{kind}, {millions:g}M posts", int(millions * 1e6), asked.rounds)


@contextmanager
def opened(kind: str) -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        if kind == "chdb":
            store = Store(f"chdb://{folder}/store")
        else:
            server = stack.enter_context(running_clickhouse(Path(folder)))
            store = Store(f"{server.url}/default")
        stack.callback(store.close)
        migrate(store)
        yield store


def measure(store: Store, name: str, posts: int, rounds: int) -> None:
    now = datetime.now(UTC)
    started = stopwatch()
    matters = open_matters(now)
    fill(store, posts, now, matters)
    size = store.rows(
        "SELECT sum(bytes_on_disk), sum(data_uncompressed_bytes) FROM system.parts "
        "WHERE active AND table = 'posts' AND database = currentDatabase()"
    )[0]
    console.print(
        f"\n{name}: filled in {stopwatch() - started:.0f} s, "
        f"{size[0] / posts:.0f} bytes a post on disk, {size[1] / posts:.0f} uncompressed"
    )
    insert_rates(store, now)
    stop = threading.Event()
    writer = threading.Thread(target=keep_inserting, args=(store, stop))
    writer.start()
    try:
        time_questions(store, name, matters, rounds)
    finally:
        stop.set()
        writer.join()


def insert_rates(store: Store, now: datetime) -> None:
    """Rows are made before: what is measured is the store."""
    rates = []
    for batch in (100, 500, 5_000):
        posts = tagged_posts(batch, now, f"rate{batch}-")
        times = [timed(lambda rows=posts: insert_posts(store, rows)) for _ in range(8)]  # type: ignore[misc]
        rates.append((str(batch), f"{batch / (sorted(times)[4] / 1000):,.0f}", *spread(times)))
    one_by_one = tagged_posts(20, now, "single-")
    base = [timed(lambda post=post: insert_posts(store, [post])) for post in one_by_one]  # type: ignore[misc]
    rates.append(("1 (baseline)", f"{1 / (sorted(base)[10] / 1000):,.0f}", *spread(base)))
    print_table("inserts", ("batch", "posts/s", "p50 ms", "p95", "p99"), rates)


def keep_inserting(store: Store, stop: threading.Event) -> None:
    """About 500 posts a second, in batches as the analyzers make them."""
    number = 0
    while not stop.wait(0.5):
        number += 1
        insert_posts(store, tagged_posts(250, datetime.now(UTC), f"during{number}-"))


def time_questions(store: Store, name: str, matters: list[Matter], rounds: int) -> None:
    rows = []
    for what, question in questions(store, matters).items():
        question()
        slow = what.startswith(("alerter", "baseline"))
        times = [timed(question) for _ in range(min(rounds, SLOW_ROUNDS) if slow else rounds)]
        p50, p95, p99 = spread(times)
        rows.append([what, p50, p95, p99])
    base = float(rows[-1][1])
    for row in rows:
        row.append(f"{base / float(row[1]):.1f}")
    columns = ("question", "p50 ms", "p95", "p99", "times as fast as the baseline")
    print_table(
        f"{name}: questions during inserts (aim of the page's: p99 ≤ {PAGE_LIMIT_MS})",
        columns,
        rows,
    )


def questions(store: Store, matters: list[Matter]) -> dict[str, Callable[[], object]]:
    config = with_sources(load_config(CONFIG))
    windows = SqlWindows(store, WindowRules(config.alerts.opening.concerns, ("praise",)))
    keys = [matter.key for matter in matters]

    def now() -> datetime:
        return datetime.now(UTC)

    def two_days() -> tuple[datetime, datetime]:
        return now() - 2 * DAY, now()

    return {
        "open matters": lambda: standing_matters(store, now() - 7 * DAY),
        "numbers of open matters": lambda: windows_of(store, [matter.id for matter in matters]),
        "hours of the chart": lambda: hours_of(store, keys, (now() - CHART, now())),
        "latest posts of each matter": lambda: latest_posts(
            store, keys, (now() - 2 * DAY, now()), 4
        ),
        "posts by source": lambda: posts_by_source(store, (now() - DAY, now())),
        "coverage": lambda: coverage(store, config.sources, now(), DAY),
        "health of sources": lambda: health(store, now() - 7 * DAY, now()),
        "last events": lambda: deliveries_of(store, [e.id for e in last_events(store, 20)]),
        "alerter: windows": lambda: windows.counts(now()),
        "alerter: matters": lambda: load_matters(store, now() - 30 * DAY),
        "alerter: pending events": lambda: events_since(store, now() - 2 * DAY),
        "alerter: recount": lambda: recount(store),
        "baseline: windows without the hour key": lambda: store.rows(BASELINE, {"at": now()}),
    }


def with_sources(config: Config) -> Config:
    sources = tuple(
        Source(id=f"s{n}", name=f"s{n}", kind=SourceKind.FORUM, url=f"http://s{n}.example/")
        for n in range(200)
    )
    return config.model_copy(update={"sources": sources})


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    started = stopwatch()
    work()
    return (stopwatch() - started) * 1000


if __name__ == "__main__":
    main()

"""What one stored post costs: bytes on the disk, insert rate, and the windows' queries by volume.

Rates are by the processor's time, which other work on the machine does not change.
Example: python -m bench.sizing --millions 1 10
"""

import argparse
import random
import tempfile
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import accumulate
from pathlib import Path
from time import process_time

from rich.console import Console

from runtime.clock import stopwatch
from schemas.posts import Owed, RawPost, SourceKind, TaggedPost, Tags, Why
from schemas.windows import WindowRules
from storage.counts import recount
from storage.migrate import migrate
from storage.posts import insert_posts
from storage.store import Store
from storage.windows import SqlWindows

TEXTS = 50_000
MEAN_CHARACTERS = 200
BATCH = 10_000
SOURCES = 200
TOPICS = ("food_safety", "fees", "homework_tutoring", "teacher_conduct", "enrolment", "boarding")
SPAN = timedelta(hours=48)
SIZES = """
SELECT table, sum(rows), sum(bytes_on_disk), sum(data_uncompressed_bytes) FROM system.parts
WHERE database = currentDatabase() AND active GROUP BY table ORDER BY sum(rows) DESC
"""
MULTIPLY = """
INSERT INTO posts SELECT * REPLACE (concat(id, '-', {copy:String}) AS id,
    concat(story_id, {copy:String}) AS story_id)
FROM (SELECT * FROM posts WHERE NOT match(id, '-'))
"""
console = Console()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--millions", type=float, nargs="+", default=[1, 10])
    asked = options.parse_args()
    until = datetime.now(UTC).replace(microsecond=0)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"chdb://{Path(folder) / 'store'}")
        migrate(store)
        _insert(store, until, asked.millions)
        store.close()


def _insert(store: Store, until: datetime, millions: list[float]) -> None:
    """One million of texts of their own at most; more of them are copies in other places."""
    texts = _texts(random.Random(1))
    own = int(min(1.0, *millions) * 1e6)
    taken = 0.0
    for first in range(0, own, BATCH):
        batch = [_post(number, texts, until) for number in range(first, first + BATCH)]
        start = process_time()
        insert_posts(store, batch)
        taken += process_time() - start
    console.print(f"insert, batches of {BATCH}: {own / taken:,.0f} posts a second of one core")
    stored = own
    for target in sorted(int(each * 1e6) for each in millions):
        while stored < target:
            store.command(MULTIPLY, {"copy": str(stored)})
            stored += own
        store.command("OPTIMIZE TABLE posts")
        _tell(store, until, stored)


def _tell(store: Store, until: datetime, stored: int) -> None:
    for table, rows, disk, raw in store.rows(SIZES):
        if table in ("posts", "hourly_counts"):
            console.print(
                f"{rows:,} posts: {disk / rows:.0f} bytes each, {raw / rows:.0f} unpacked"
            )
    windows = SqlWindows(store, WindowRules(3, []))
    times, cores = [], []
    for _ in range(5):
        start, busy = stopwatch(), process_time()
        windows.counts(until)
        times.append(stopwatch() - start)
        cores.append(process_time() - busy)
    console.print(
        f"windows over {stored:,} posts in 48 h: {sorted(times)[2]:.2f} s, "
        f"{sorted(cores)[2]:.2f} core-seconds (medians of 5)"
    )
    busy = process_time()
    recount(store)
    console.print(f"hourly counts of all {stored:,}: {process_time() - busy:.2f} core-seconds")


def _texts(chosen: random.Random) -> list[str]:
    """Words of a dictionary by their frequency: packs a little worse than what people write."""
    lines = files("jieba").joinpath("dict.txt").read_text("utf-8").splitlines()
    words = [line.split()[0] for line in lines]
    weights = list(accumulate(int(line.split()[1]) for line in lines))
    made = []
    for _ in range(TEXTS):
        length = max(20, int(chosen.gauss(MEAN_CHARACTERS, MEAN_CHARACTERS / 2)))
        text = "".join(chosen.choices(words, cum_weights=weights, k=length))
        made.append(text[:length])
    return made


def _post(number: int, texts: list[str], until: datetime) -> TaggedPost:
    chosen = random.Random(number)
    at = until - SPAN * chosen.random()
    source, topic = chosen.randrange(SOURCES), chosen.choice(TOPICS)
    name = f"{chosen.getrandbits(128):032x}"
    body = texts[number % TEXTS]
    post = RawPost(
        id=name,
        source=f"s{source}",
        source_kind=SourceKind.FORUM,
        url=f"http://s{source}.example/thread-{chosen.getrandbits(32)}-1-1.html",
        title=body[:18],
        body=body,
        published_at=at,
        seen_at=at + timedelta(seconds=90),
        counted_at=at,
    )
    tags = Tags(
        topics=(topic,),
        units=(f"青禾区第{chosen.randrange(60)}小学",) if number % 2 else (),
        owed=Owed.COMPLAINT if number % 4 == 0 else Owed.MENTION,
        danger=number % 5000 == 0,
        sensitivity=1,
        department=None,
        story_id=f"{chosen.getrandbits(64):016x}",
        why=(Why(tag=topic, by="rule", words=("食堂",)),),
    )
    return TaggedPost(post=post, site=f"site{source % 120}.example", tags=tags)


if __name__ == "__main__":
    main()

"""The whole chain in one process: the sample town, from feeds to warnings, through kill -9."""

import re
import signal
from collections import Counter
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analyzers.tag import load_tagger
from collectors.feeds import parse_feed
from collectors.items import Origin
from demo.feeds import render
from demo.town import CONFIG, load_town
from runtime.settings import load_config
from tests.flow.running import Running, running

SPEED = 5760  # a quarter of a minute a day
END_OF_STORY = 3 * 24 * 60
STORED = "SELECT count() FROM posts FINAL"
COUNTS = "SELECT source, category, owed, count() FROM posts FINAL GROUP BY ALL"
COUNTED = "SELECT sum(posts) FROM hourly_counts FINAL WHERE unit = '*'"
DOUBLED = (
    "SELECT count() FROM (SELECT matter_id, sequence FROM matter_events "
    "GROUP BY ALL HAVING count() > 1 OR uniqExact(at) > 1)"
)
# How many events lead there depends on when the process was down.
TOP = "SELECT max(tier) FROM matter_events WHERE topic = 'food_safety' AND unit LIKE '%第一小学'"
PENDING = (
    "SELECT count() FROM matter_events WHERE concat(matter_id, '.', toString(sequence)) "
    "NOT IN (SELECT event_id FROM deliveries WHERE outcome = 'sent')"
)


def town(folder: Path) -> AbstractContextManager[Running]:
    return running(folder, "data/demo", "demo", "--speed", str(SPEED))


def expected() -> Counter[tuple[str, str, str]]:
    """Posts by source, first topic and owed as the town's documents hold them at the end."""
    config = load_config(CONFIG)
    tagger, story = load_tagger(config), load_town()
    counts: Counter[tuple[str, str, str]] = Counter()
    for source in config.sources:
        document = render(story, source.id, datetime.now(UTC), END_OF_STORY)
        for post in parse_feed(document.data, Origin(source.id, source.kind, source.url)).posts:
            tags = tagger.tag(post)
            counts[source.id, tags.category or "", tags.owed.value] += 1
    return counts


@pytest.mark.timeout(240)
def test_five_kills_change_no_count_and_no_event_is_told_twice(tmp_path: Path) -> None:
    wanted = expected()
    total = wanted.total()
    with town(tmp_path) as process:
        for share in (0.05, 0.2, 0.4, 0.6, 0.8):
            process.wait_until(STORED, int(total * share))
            process.end(signal.SIGKILL)
            process.start()
        assert process.wait_until(STORED, total) == total
        assert process.wait_until(COUNTED, total) == total
        found = {(str(s), str(c), str(o)): int(str(n)) for s, c, o, n in process.sql(COUNTS)}
        assert found == dict(wanted)
        process.wait_until(TOP, 4)
        process.wait_until(PENDING, 0, 0)
        assert process.number(DOUBLED) == 0
        assert process.end(signal.SIGTERM) == 0
    assert "】青禾区第一小学 · 食品安全" in process.told()
    assert not (process.data / "run.json").exists()


@pytest.mark.timeout(120)
def test_the_town_says_where_the_page_is_and_warns(tmp_path: Path) -> None:
    with town(tmp_path) as process:
        process.wait_until("SELECT count() FROM matter_events WHERE unit = '青禾区第一小学'", 1)
        page = process.get("/").decode()
        assert "青禾区第一小学" in page
        asked = process.run("sql", "SELECT count() AS n FROM posts", "--format", "jsonl")
        assert re.fullmatch(r'\{"n":"?\d+"?\}\n', asked.stdout)
        (matter,) = process.sql("SELECT DISTINCT matter_id FROM matter_events LIMIT 1")
        acted = process.run("act", str(matter[0]), "acknowledge", "--by", "王敏")
        assert (acted.returncode, acted.stderr.count("\n")) == (0, 1)
        assert process.sql("SELECT kind, operator FROM actions") == [["acknowledge", "王敏"]]
        second = process.run("demo")
        assert second.returncode == 2
        assert re.search(r"data/demo is in use by process \d+; stop that one", second.stderr)
        assert process.end(signal.SIGTERM) == 0
    assert f"http://127.0.0.1:{process.port}" in process.told()
    assert "huisheng init" in process.told()

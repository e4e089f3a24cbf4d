"""Stages and engines die at random moments; afterwards every count and every event is exact.

The numbers below are the short form; `make test-kill` runs the long one and prints its seed.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom

import pytest

from runtime.clock import stopwatch
from runtime.config import Config
from tests.engines.clickhouse_server import running_clickhouse
from tests.engines.downloads import EngineMissing
from tests.engines.kafka_server import running_kafka
from tests.kill import stored
from tests.kill.expected import Tagged, hourly_counts, opened, posts_by_hour, tag_all
from tests.kill.fleet import Fleet, Mended, StageProcess
from tests.kill.places import Addresses, go_without, made, write_config
from tests.kill.posts import Order, invented
from tests.kill.schedule import Blow, Plan, blows
from tests.kill.sites import Sites
from tests.kill.stored import Database

MEMBERS = {"collector": 2, "analyzer": 2, "alerter": 2}
KILLS = int(os.environ.get("KILL_TEST_KILLS") or 12)
POSTS = int(os.environ.get("KILL_TEST_POSTS") or 4_000)
SECONDS = float(os.environ.get("KILL_TEST_SECONDS") or 60)
SEED = int(os.environ.get("KILL_TEST_SEED") or SystemRandom().randrange(1_000_000))
PATIENCE_SECONDS = 300.0
# A source is asked once a minute and a little more: in the short form once while there are kills.
ROUND_SECONDS = 70.0
SLOW_SECONDS = 1.0
_TAIL = 3_000
_FAILED = "stage failed and is restarted"
TERMS = "SELECT count() FROM leader_terms"
STORED = "SELECT count() FROM posts FINAL"
COUNTED = "SELECT sum(posts) FROM hourly_counts FINAL WHERE unit = '*'"
pytestmark = [
    pytest.mark.kafka,
    pytest.mark.clickhouse,
    pytest.mark.xdist_group("kafka"),
    pytest.mark.timeout(SECONDS + PATIENCE_SECONDS + 120),
]


@dataclass(frozen=True)
class Ground:
    """Everything that one run stands on."""

    folder: Path
    fleet: Fleet
    sites: Sites
    database: Database
    config: Config
    tagged: Tagged
    plan: list[Blow]
    struck: list[str]


def test_after_kills_at_random_moments_every_count_and_event_is_exact(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = blows(Plan(SEED, KILLS, max(2, KILLS // 12), SECONDS), MEMBERS)
    with prepared(tmp_path, plan) as ground:
        ground.fleet.start()
        # Who is killed while it makes the tables holds all up for minutes, by their lock.
        assert ground.fleet.until(lambda: ground.database.number(TERMS) > 0, PATIENCE_SECONDS)
        ground.sites.start_now()
        strike(ground)
        steps = waited_for(ground)
        wrong = [f"not so in time: {what}" for what, seconds in steps.items() if not seconds]
        wrong += [f"{name} ended with {code}" for name, code in ground.fleet.stop().items() if code]
        wrong += differences(ground)
        assert not wrong, report(ground, wrong)
        with capsys.disabled():
            sys.stdout.write(summary(ground, steps))


@contextmanager
def prepared(folder: Path, plan: list[Blow]) -> Iterator[Ground]:
    with ExitStack() as stack:
        try:
            kafka = stack.enter_context(running_kafka(made(folder / "kafka")))
            clickhouse = stack.enter_context(running_clickhouse(made(folder / "clickhouse")))
        except EngineMissing as error:
            go_without(error)
        database = Database(clickhouse.url, "huisheng")
        database.create()
        stream = invented(Order(SEED, POSTS, datetime.now(UTC), max(0.0, SECONDS - ROUND_SECONDS)))
        sites = Sites(stream, SLOW_SECONDS)
        stack.callback(sites.close)
        engines_at = Addresses(kafka.brokers, f"{clickhouse.url}/{database.name}")
        config = write_config(folder, sites, engines_at)
        names = [f"{kind}{n}" for kind, count in MEMBERS.items() for n in range(count)]
        engines = {"kafka": Mended(kafka), "clickhouse": Mended(clickhouse)}
        fleet = Fleet({name: StageProcess(name, folder, {}) for name in names}, engines)
        stack.callback(fleet.close)
        tagged = tag_all(stream, config)
        yield Ground(folder, fleet, sites, database, config, tagged, plan, [])


def strike(ground: Ground) -> None:
    """Each blow at its moment, or as soon as its victim is there again."""
    started, fleet = stopwatch(), ground.fleet
    for blow in ground.plan:

        def due(blow: Blow = blow) -> bool:
            return stopwatch() - started >= blow.at and fleet.is_up(blow.victim)

        if not fleet.until(due, PATIENCE_SECONDS):
            pytest.fail(report(ground, [f"{blow.victim} did not come back"]))
        ground.struck.append(f"{datetime.now(UTC):%H:%M:%S.%f} {blow}")
        if blow.paused:
            fleet.pause(blow.victim, blow.paused)
        else:
            fleet.kill(blow.victim)


def waited_for(ground: Ground) -> dict[str, float]:
    """How many seconds after the last blow each thing came about; 0 for one that did not."""
    database, wanted = ground.database, len(ground.tagged)
    _, grave = opened(ground.tagged, ground.config)
    steps = {
        "stored": lambda: database.number(STORED) >= wanted,
        "counted": lambda: database.number(COUNTED) >= wanted,
        "each danger told of": lambda: grave <= stored.graves(database),
        "delivered": lambda: database.number(stored.PENDING) == 0,
    }
    began, took = stopwatch(), {}
    for what, ready in steps.items():
        left = began + PATIENCE_SECONDS - stopwatch()
        took[what] = stopwatch() - began if ground.fleet.until(ready, max(left, 1)) else 0.0
    return took


def differences(ground: Ground) -> list[str]:
    database, tagged = ground.database, ground.tagged
    undated, wrong = stored.first_seen(database)
    missing = {post.id for post, _ in tagged if not post.published} - set(undated)
    wrong += [f"{len(missing)} undated posts are not stored"] if missing else []
    tagged = [(post, tags) for post, tags in tagged if post.id not in missing]
    by_hour = posts_by_hour(tagged, undated)
    wrong += stored.compared("posts of", by_hour, stored.posts_by_hour(database))
    counts = hourly_counts(tagged, undated)
    wrong += stored.compared("hour, unit, topic", counts, stored.hourly_counts(database))
    wrong += stored.matters(database, *opened(tagged, ground.config))
    wrong += stored.told_apart(stored.event_ids(database), ground.sites.event_ids())
    return wrong + needless_repeats(ground) + own_faults(ground)


def needless_repeats(ground: Ground) -> list[str]:
    """Each blow may cut one sending from its record; two alerters at work would repeat them all."""
    received = ground.sites.received
    repeats = received.total() - len(received)
    cut = sum(blow.victim.startswith(("alerter", "clickhouse")) for blow in ground.plan)
    return [f"{repeats} repeats, where at most {cut} sendings were cut"] if repeats > cut else []


def own_faults(ground: Ground) -> list[str]:
    """No kill may make a stage end by itself, or fail in a way that has no name."""
    told = []
    for stage in ground.fleet.stages.values():
        told += [f"{stage.name} ended by itself with {code}" for code in stage.own_ends]
        failed = stage.log.read_text("utf-8", "replace").count(_FAILED)
        told += [f"{stage.name} failed {failed} times, see its log"] if failed else []
    return told


def report(ground: Ground, wrong: list[str]) -> str:
    logs = [
        f"--- {path.name}\n{path.read_text('utf-8', 'replace')[-_TAIL:]}"
        for path in sorted(ground.folder.glob("*.log"))
    ]
    told, struck = "\n".join(wrong), "\n".join(ground.struck)
    numbers = f"seed {SEED}, {KILLS} kills, {POSTS} posts, {SECONDS:g} s"
    return f"{numbers}\n{told}\n--- struck at, planned for\n{struck}\n" + "\n".join(logs)


def summary(ground: Ground, steps: dict[str, float]) -> str:
    kills = Counter(blow.victim.rstrip("0123456789") for blow in ground.plan if not blow.paused)
    received = ground.sites.received
    return (
        f"\nseed {SEED}: {len(ground.tagged)} posts, {kills.total()} kills {dict(kills)}, "
        f"{len(ground.plan) - kills.total()} pauses; {len(received)} events received, "
        f"{received.total() - len(received)} repeats; after the last blow "
        + ", ".join(f"{what} {seconds:.0f} s" for what, seconds in steps.items())
        + "\n"
    )

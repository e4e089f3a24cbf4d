"""The numbers of a process: valid for Prometheus, documented, with labels from closed sets."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from runtime.clock import ManualClock
from runtime.health import HealthBoard, Lag, StageHealth
from runtime.metrics import Metrics
from runtime.probes import Probes
from tests.promtool import promtool

NOW = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)
DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
ROW = re.compile(r"^\| `((?:huisheng|process)_\w+)` \| (.*?) \|", re.MULTILINE)
LABELS = {"outcome", "stream", "kind", "tier", "stage", "partition", "version", "le"} | {
    "topic",
    "rules",
    "model",
}


def filled(folder: Path) -> Probes:
    """As a process has them that does everything."""
    clock, metrics = ManualClock(NOW), Metrics(folder)
    board = HealthBoard(clock)
    for stage in ("collect", "analyze", "alert", "dashboard"):
        board.ok(stage, NOW, (Lag("posts", 0, 3), Lag("posts", 1, 0)))
    metrics.polls.labels("ok").inc()
    metrics.stored.labels("posts").inc(2)
    metrics.dead_letters.labels("posts").inc()
    metrics.events.labels("opened").inc()
    metrics.deliveries.labels("sent").inc()
    metrics.open_matters.labels("4").set(1)
    metrics.query_seconds.labels("page").observe(0.02)
    metrics.batch_seconds.observe(0.2)
    metrics.seen_to_stored_seconds.observe(1.5)
    metrics.posts_tagged.labels("none").inc()
    metrics.topic_score.observe(0.7)
    metrics.tagged_by("0a1b2c3d4e", "")
    return Probes(board, metrics, clock, Event())


def shown(probes: Probes) -> str:
    answer = probes.answer("/metrics")
    assert answer is not None
    return answer.body.decode()


def test_prometheus_finds_nothing_wrong(tmp_path: Path) -> None:
    assert promtool("check", "metrics", text=shown(filled(tmp_path)).encode()) == ""


def test_the_table_lists_each_with_its_labels(tmp_path: Path) -> None:
    probes = filled(tmp_path)
    shown(probes)
    documented = {
        name: set(re.findall(r"`(\w+)`", labels))
        for name, labels in ROW.findall(DOCUMENT.read_text("utf-8"))
    }
    found = {}
    for family in probes.metrics.registry.collect():
        labels = {name for sample in family.samples for name in sample.labels}
        assert labels <= LABELS
        name = family.name + "_total" * (family.type == "counter")
        found[name] = labels - {"le"}
    assert documented == found


def test_one_pair_of_versions_stands_at_a_time(tmp_path: Path) -> None:
    probes = filled(tmp_path)
    assert 'huisheng_tagger_info{model="none",rules="0a1b2c3d4e"} 1.0' in shown(probes)
    for rules in ("0a1b2c3d4e", "5f6a7b8c9d"):
        probes.metrics.tagged_by(rules, "m1")
    lines = [line for line in shown(probes).splitlines() if line.startswith("huisheng_tagger")]
    assert lines == ['huisheng_tagger_info{model="m1",rules="5f6a7b8c9d"} 1.0']


def test_a_partition_that_was_dealt_elsewhere_is_gone(tmp_path: Path) -> None:
    probes = filled(tmp_path)
    assert 'huisheng_lag{partition="1",stage="analyze",stream="posts"} 0.0' in shown(probes)
    probes.board.ok("analyze", NOW, (Lag("posts", 0, 5),))
    lines = [line for line in shown(probes).splitlines() if 'stage="analyze",stream=' in line]
    assert lines == ['huisheng_lag{partition="0",stage="analyze",stream="posts"} 5.0']


@pytest.mark.parametrize(
    ("health", "leads"),
    [
        (StageHealth("alert"), "0.0"),
        (StageHealth("alert", NOW), "1.0"),
        (StageHealth("alert", NOW, standing_by=True), "0.0"),
        (StageHealth("alert", NOW, stopped=True), "0.0"),
    ],
)
def test_who_leads_is_told(tmp_path: Path, health: StageHealth, leads: str) -> None:
    probes = filled(tmp_path)
    probes.board.watch("alert", lambda: health)
    if health.stopped:
        probes.board.stopped("alert", "cap")
    assert f"\nhuisheng_leader {leads}\n" in shown(probes)


def test_liveness_and_readiness_are_numbers_too(tmp_path: Path) -> None:
    probes = filled(tmp_path)
    late = replace(probes, clock=ManualClock(NOW + timedelta(seconds=121)))
    assert 'huisheng_stage_live{stage="collect"} 1.0' in shown(probes)
    assert 'huisheng_stage_ready{stage="collect"} 1.0' in shown(probes)
    assert 'huisheng_stage_live{stage="collect"} 0.0' in shown(late)
    assert 'huisheng_stage_ready{stage="collect"} 0.0' in shown(late)

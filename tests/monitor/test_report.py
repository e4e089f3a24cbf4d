"""What `huisheng status` prints, and the exit code that goes with it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from dashboard.pending import PendingDelivery
from dashboard.status import MatterStatus, SourceStatus, Status
from monitor.asking import show_status
from monitor.probes import ProbeServer
from monitor.report import print_status
from runtime.clock import SystemClock
from runtime.config import BusSettings, HealthSettings, Settings, StoreSettings
from runtime.health import HealthBoard, Lag, StageHealth, judge
from runtime.metrics import Metrics
from runtime.probes import Probes
from runtime.settings import SHIPPED, load_config
from storage.condition import StoreCondition
from tests.engines.process import free_port

NOW = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)
STALE = timedelta(seconds=120)
WELL = (
    StageHealth("alert", NOW, beat_at=NOW, instance="a-1"),
    StageHealth("alert", NOW, beat_at=NOW, instance="a-2", standing_by=True),
    StageHealth(
        "analyze", NOW, beat_at=NOW, instance="b-1", lags=(Lag("posts", 1, 0), Lag("posts", 0, 12))
    ),
)
ALL_WELL = Status(
    at=NOW,
    coverage=0.97,
    stages=tuple(judge(WELL, NOW, STALE)),
    sources=(SourceStatus("bbs", "论坛", "ok", True, NOW, 4, ""),),
    matters=(MatterStatus("m-1", 3, "fees", "一中", NOW, NOW + timedelta(hours=2), False, True),),
    pending=(PendingDelivery("m-1.1", "wecom", NOW, 2, "HTTP 502"),),
    store=StoreCondition("/data/store", "26.7.1.1", "0002_matters.sql", {}),
)


def printed(capsys: pytest.CaptureFixture[str], status: Status) -> tuple[int, str]:
    code = print_status(status, "process 7")
    return code, capsys.readouterr().out


def test_brackets_in_names_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    peer = StageHealth("[fe80::1]:8010", problem="is away", instance="")
    matter = replace(ALL_WELL.matters[0], unit="一中[b]")
    status = replace(ALL_WELL, stages=tuple(judge([peer], NOW, STALE)), matters=(matter,))
    _, text = printed(capsys, status)
    assert "│ [fe80::1]:8010 │" in text
    assert "│ 一中[b]" in text


def test_all_that_is_asked_stands_there(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = printed(capsys, ALL_WELL)
    assert code == 0
    rows = [[cell.strip() for cell in line.split("│")] for line in text.splitlines()]
    assert ["", "alert", "a-1", "在用 active", "11-21 10:30:00", "-", "0", ""] in rows
    assert ["", "alert", "a-2", "待命 standing by", "11-21 10:30:00", "-", "0", ""] in rows
    assert any(row[2:3] == ["b-1"] and "posts 0:12 1:0" in row for row in rows)
    assert any("m-1" in row and "11-21 12:30" in row for row in rows)
    assert "pending deliveries: 1" in text
    assert "wecom: m-1.1 自 since 11-21 10:30, 2 次 tries HTTP 502" in text
    assert "/data/store   ClickHouse 26.7.1.1, 0002_matters.sql" in text


HANGS = StageHealth("collect", NOW - timedelta(hours=1), beat_at=NOW - timedelta(hours=1))
GAVE_UP = StageHealth("analyze", NOW, problem="stopped: 101 bad", beat_at=NOW, stopped=True, dead=9)


@pytest.mark.parametrize(
    ("trouble", "found"),
    [
        (replace(ALL_WELL, stages=tuple(judge([HANGS], NOW, STALE))), "collect: hangs since"),
        (replace(ALL_WELL, stages=tuple(judge([GAVE_UP], NOW, STALE))), "已停 stopped"),
        (
            replace(ALL_WELL, sources=(SourceStatus("x", "x", "timeout", False, NOW, 0, "20 s"),)),
            "x: timeout 20 s",
        ),
        (replace(ALL_WELL, at=NOW + timedelta(hours=3)), "逾期 overdue 11-21 12:30"),
        (
            replace(ALL_WELL, store=replace(ALL_WELL.store, broken={"posts": 3})),
            "posts: 3 parts; their rows are missing",
        ),
    ],
    ids=["hangs", "stopped", "source", "overdue", "broken"],
)
def test_a_trouble_is_told_and_is_exit_code_1(
    capsys: pytest.CaptureFixture[str], trouble: Status, found: str
) -> None:
    code, text = printed(capsys, trouble)
    assert code == 1
    assert found in text


def test_stages_are_shown_while_the_store_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    clock, board = SystemClock(), HealthBoard()
    board.watch("collect", lambda: StageHealth("collect", clock.now(), instance="far-1"))
    server = ProbeServer(Probes(board, Metrics(), clock, Event()), HealthSettings())
    server.start()
    dead = f"http://127.0.0.1:{free_port()}"
    settings = Settings(
        bus=BusSettings(kind="kafka", brokers=("127.0.0.1:1",)),
        store=StoreSettings(dsn=f"http://127.0.0.1:{free_port()}/huisheng"),
        health=HealthSettings(stages=(f"http://127.0.0.1:{server.port}", dead)),
    )
    config = load_config(SHIPPED).model_copy(update={"settings": settings})
    code = show_status(config)
    server.close()
    text = capsys.readouterr().out
    assert code == 1
    assert "far-1" in text
    assert f"{dead}: does not tell how it is" in text
    assert "ClickHouse does not answer" in text

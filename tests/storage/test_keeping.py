"""`huisheng backup` and `huisheng restore` as people run them, also while all stages run."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.backup_sets import prune_sets
from monitor.starting import write_config
from tests.engines.process import wait_until
from tests.flow.running import Running

NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Running]:
    """A process on a config folder without sources."""
    write_config(tmp_path / "config")
    running = Running(tmp_path, "data", "run")
    running.environment["HUISHENG_SQL__PORT"] = "0"
    running.start()
    try:
        wait_until(lambda: bool(running.sql("SELECT count() FROM marks")), "the process", 90)
        yield running
    finally:
        if running.process:
            running.process.kill()
            running.process.wait()


def told(running: Running, *arguments: str) -> str:
    done = running.run(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_running_process_is_backed_up_and_put_back_elsewhere(house: Running) -> None:
    made = told(house, "backup", "sets")
    names = {path.name for path in (house.folder / made).iterdir()}
    assert {"manifest.json", "collector.sqlite", "log.sqlite"} <= names
    house.environment["HUISHENG_DATA__DIR"] = str(house.folder / "other")
    told(house, "restore", made)
    for name in ("store", "log.sqlite", "collector.sqlite"):
        assert (house.folder / "other" / name).exists()
    refused = house.run("restore", made)
    assert refused.returncode == 2
    assert "is not empty; --replace gives up all" in refused.stderr


def test_nothing_is_put_back_under_a_running_process(house: Running) -> None:
    made = told(house, "backup", "sets")
    refused = house.run("restore", made, "--replace")
    assert refused.returncode == 2
    assert "is in use by process" in refused.stderr


def test_backups_go_after_the_retention(tmp_path: Path) -> None:
    days = {"huisheng-20260801T020000Z": True, "huisheng-20261101T020000Z": False}
    days |= {"huisheng-20261119T020000Z.partial": True, "huisheng-20261121T010000Z.partial": False}
    days |= {"huisheng-notes": False, "mine": False}
    for name in days:
        (tmp_path / name).mkdir()
    dropped = prune_sets(tmp_path, 90, NOW)
    assert {path.name for path in dropped} == {name for name, gone in days.items() if gone}
    assert {path.name for path in tmp_path.iterdir()} == {n for n, gone in days.items() if not gone}
    assert prune_sets(tmp_path, 90, NOW + timedelta(days=1)) != []
    assert os.listdir(tmp_path)

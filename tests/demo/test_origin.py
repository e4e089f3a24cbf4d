"""The town's clock goes on over restarts, also at another speed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo.origin import is_over, town_clock
from runtime.clock import SHANGHAI, ManualClock, ScaledClock
from runtime.errors import ConfigError

REAL = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)  # the 21st in Shanghai already
DAY_ONE = datetime(2026, 11, 21, tzinfo=SHANGHAI)


def shown(clock: ScaledClock, real: datetime) -> datetime:
    return clock.shown + (real - clock.real) * clock.speed


def test_the_first_start_shows_six_in_the_morning_of_today(tmp_path: Path) -> None:
    clock, start = town_clock(tmp_path / "new", 1440, ManualClock(REAL))
    assert start == DAY_ONE
    assert start.hour == 0
    assert (clock.real, clock.speed) == (REAL, 1440)
    assert clock.shown == DAY_ONE + timedelta(hours=6)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["town.json"]


def test_a_later_start_goes_on(tmp_path: Path) -> None:
    system = ManualClock(REAL)
    first, start = town_clock(tmp_path, 1440, system)
    kept = (tmp_path / "town.json").read_bytes()
    system.advance(timedelta(seconds=30))
    second, same_start = town_clock(tmp_path, 1440, system)
    assert same_start == start
    assert shown(second, system.now()) == shown(first, system.now())
    assert shown(second, system.now()) == DAY_ONE + timedelta(hours=18)
    assert (tmp_path / "town.json").read_bytes() == kept


def test_another_speed_leaves_no_jump(tmp_path: Path) -> None:
    system = ManualClock(REAL)
    town_clock(tmp_path, 1440, system)
    system.advance(timedelta(seconds=30))
    slower, start = town_clock(tmp_path, 60, system)
    assert start == DAY_ONE
    assert shown(slower, system.now()) == DAY_ONE + timedelta(hours=18)
    system.advance(timedelta(seconds=60))
    again, _ = town_clock(tmp_path, 60, system)
    assert shown(again, system.now()) == DAY_ONE + timedelta(hours=19)


def test_the_system_s_clock_is_the_default(tmp_path: Path) -> None:
    clock, start = town_clock(tmp_path)
    assert clock.speed == 1440
    assert timedelta(hours=6) <= clock.now() - start < timedelta(days=2)


def test_a_town_is_over_after_fourteen_days(tmp_path: Path) -> None:
    assert not is_over(DAY_ONE + timedelta(days=14), DAY_ONE)
    assert is_over(DAY_ONE + timedelta(days=14, seconds=1), DAY_ONE)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_a_speed_that_is_no_speed_is_refused(tmp_path: Path, speed: float) -> None:
    with pytest.raises(ConfigError, match="speed must be a number above 0"):
        town_clock(tmp_path, speed, ManualClock(REAL))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"start": "x"}', "\xff"])
def test_a_broken_file_is_named_with_its_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "town.json").write_text(text, "latin-1")
    with pytest.raises(ConfigError, match=r"town\.json: .*delete the file"):
        town_clock(tmp_path, 1440, ManualClock(REAL))

"""The town's clock: a data folder and a speed in, a clock that goes on from its last start out.

Its origin is kept in the folder's town.json. Called by monitor/wiring.
"""

import math
import os
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from runtime.clock import SHANGHAI, Clock, ScaledClock, SystemClock
from runtime.errors import ConfigError

SPEED = 1440.0
_FILE = "town.json"
_FIRST_SHOWN = timedelta(hours=6)
_LIFE = timedelta(days=14)


class Origin(msgspec.Struct, frozen=True):
    """The town showed `shown` when the real time was `real`; `start` is 00:00 of its day 1."""

    start: datetime
    real: datetime
    shown: datetime
    speed: float

    def shown_at(self, real: datetime) -> datetime:
        return self.shown + (real - self.real) * self.speed


def town_clock(
    folder: Path, speed: float = SPEED, system: Clock | None = None
) -> tuple[ScaledClock, datetime]:
    """The town's clock and its start; with another `speed` it goes on from the time shown now.

    `speed` is simulated seconds per real second. Raises ConfigError when it or the
    file can't be used.
    """
    if not (math.isfinite(speed) and speed > 0):
        message = f"demo: speed must be a number above 0, found {speed}; use for example 1440"
        raise ConfigError(message)
    path, now = folder / _FILE, (system or SystemClock()).now()
    kept = _read(path) if path.exists() else None
    origin = _continued(kept, speed, now) if kept else _first(speed, now)
    if origin != kept:
        _write(path, origin)
    # In Shanghai's time the start is 00:00 and the feeds print local hours, as the town's sites do.
    return ScaledClock(origin.real, origin.shown, origin.speed), origin.start.astimezone(SHANGHAI)


def is_over(shown: datetime, start: datetime) -> bool:
    """Whether the town has been quiet for so long that a fresh one is more use."""
    return shown - start > _LIFE


def _first(speed: float, now: datetime) -> Origin:
    start = now.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    return Origin(start, now, start + _FIRST_SHOWN, speed)


def _continued(kept: Origin, speed: float, now: datetime) -> Origin:
    return kept if kept.speed == speed else Origin(kept.start, now, kept.shown_at(now), speed)


def _read(path: Path) -> Origin:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Origin)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = (
            f"{path}: not the origin of a town's clock: {error}; delete the file to start anew"
        )
        raise ConfigError(message) from error


def _write(path: Path, origin: Origin) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_bytes(msgspec.json.encode(origin))
    os.replace(draft, path)

"""Time as an argument: the system's, a sample town's faster one, and a hand-driven one."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Block until `stop` is set or `seconds` of this clock passed; returns `stop.is_set()`."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(seconds)


class ScaledClock:
    """`speed` times as fast as the system's clock; showed `shown` when that one showed `real`."""

    def __init__(self, real: datetime, shown: datetime, speed: float) -> None:
        self.real, self.shown, self.speed = real, shown, speed

    def now(self) -> datetime:
        return self.shown + (datetime.now(UTC) - self.real) * self.speed

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(seconds / self.speed)


class ManualClock:
    """Stands still until a test moves it; `wait` moves it by the time waited for."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def advance(self, by: timedelta) -> None:
        with self._lock:
            self._now += by

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.advance(timedelta(seconds=seconds))
        return stop.is_set()


def stopwatch() -> float:
    """Seconds of a monotonic clock, for durations only."""
    return time.monotonic()

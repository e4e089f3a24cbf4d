"""Moments and durations as people read them, in Asia/Shanghai. Pure."""

from datetime import datetime, timedelta

from dashboard.words import Words
from runtime.clock import SHANGHAI


def moment(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%m-%d %H:%M}"


def long_moment(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def duration(span: timedelta, words: Words) -> str:
    """The two largest units that matter; never negative."""
    minutes = max(0, int(span.total_seconds() // 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return words("days_hours", days=days, hours=hours)
    if hours:
        return words("hours_minutes", hours=hours, minutes=minutes)
    return words("minutes", minutes=minutes)

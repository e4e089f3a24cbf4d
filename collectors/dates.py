"""The times that feeds write, in standard and Chinese forms, to aware UTC; None if unreadable."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from runtime.clock import SHANGHAI

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# CST is read as China's time, not as Chicago's: the feeds are Chinese, and Java's dates say so.
_ZONES = {"cst": 8, "bjt": 8, "hkt": 8, "sgt": 8, "jst": 9, "kst": 9, "cet": 1, "cest": 2, "bst": 1}
_ZONES |= {"est": -5, "edt": -4, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}
_ZONES |= dict.fromkeys(("z", "gmt", "ut", "utc"), 0)

_CLOCK = (
    r"(?P<half>上午|下午|晚上|中午|凌晨|早上)?\s*(?P<hour>\d{1,2})\s*[:：时点]\s*(?P<minute>\d{1,2})?"
    r"(?:\s*[:：分]\s*(?:(?P<second>\d{1,2})(?:[.,](?P<fraction>\d+))?\s*秒?)?)?\s*(?P<pm>[AP]M)?"
)
_ZONE = (
    r"\s*(?P<zone>\(?[A-Z]{1,4}\)?(?:(?=\s*$|\s*\()|(?=[+-]))|)(?P<offset>[+-]\d{1,2}(?::?\d{2})?)?"
)
_TAIL = r"(?:\s*\([^()]*\)|\s+[A-Z]{2,5})?\s*$"

# 2026-11-21T08:30:00+08:00, 2026/11/21, 2026年11月21日 8:30, 20261121
_YEAR_FIRST = re.compile(
    r"\s*(?P<year>\d{4})(?:\s*[-/.年]\s*(?P<month>\d{1,2})(?:\s*[-/.月]\s*(?P<day>\d{1,2})\s*日?)?月?"
    r"|(?P<month2>\d{2})(?P<day2>\d{2}))"
    rf"(?:(?:\s*[T,，_]?\s*|\s*\(?(?:星期|周)[一二三四五六日天]\)?\s*){_CLOCK}{_ZONE})?{_TAIL}",
    re.I,
)
# Sat, 21 Nov 2026 08:30:00 +0800; also run together by a template without spaces.
_DAY_FIRST = re.compile(
    r"\s*(?:[a-z]{3,9}\.?\s*,?\s*)?(?P<day>\d{1,2})[\s-]*(?P<month>[a-z]{3})[a-z]*\.?[\s,-]*"
    rf"(?P<year>\d{{4}}|\d{{2}}(?!\d))(?:,?\s*{_CLOCK}{_ZONE})?{_TAIL}",
    re.I,
)
# Sat Nov 21 08:30:00 CST 2026, Nov 21, 2026 8:30 PM
_MONTH_FIRST = re.compile(
    r"\s*(?:[a-z]{3,9},?\s+(?=[a-z]))?(?P<month>[a-z]{3})[a-z]*\.?\s+(?P<day>\d{1,2})"
    rf"(?:,?\s*(?P<year>\d{{4}})(?:,?\s*{_CLOCK}{_ZONE})?|\s+{_CLOCK.replace('?P<', '?P<x')}"
    rf"\s*(?P<xzone>[A-Z]{{1,4}})?\s*(?P<xoffset>[+-]\d{{4}})?\s+(?P<xyear>\d{{4}})){_TAIL}",
    re.I,
)
_EPOCH = re.compile(r"\s*(\d{10})(?:\d{3})?\s*$")
_OLDEST, _NEWEST = 1990, 2100


def read_time(text: str | None) -> datetime | None:
    """A time without a zone is Shanghai's, a day without a time its midnight there.

    Words such as 昨天 depend on when the page was made, which it does not tell: None.
    """
    text = (text or "")[:80]
    if epoch := _EPOCH.match(text):
        return _sane(datetime.fromtimestamp(int(epoch[1]), UTC))
    for form in (_YEAR_FIRST, _DAY_FIRST, _MONTH_FIRST):
        if found := form.match(text):
            return _moment(_parts(found))
    return None


def _parts(found: re.Match[str]) -> dict[str, str]:
    named = {key: value for key, value in found.groupdict().items() if value}
    return {key.removeprefix("x").removesuffix("2"): value for key, value in named.items()}


def _moment(parts: dict[str, str]) -> datetime | None:
    try:
        day = datetime(_year(parts), _month(parts), int(parts.get("day", 1)), tzinfo=_zone(parts))
        moment = (day + _time_of_day(parts)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return _sane(moment)


def _sane(moment: datetime) -> datetime | None:
    """1970 and 9999 are what software writes when it knows nothing."""
    return moment if _OLDEST <= moment.year < _NEWEST else None


def _year(parts: dict[str, str]) -> int:
    year = int(parts["year"])
    return year + 2000 if year < 70 else year + 1900 if year < 100 else year


def _month(parts: dict[str, str]) -> int:
    month = parts["month"].lower()
    return int(month) if month.isdigit() else _MONTHS.index(month) + 1


def _time_of_day(parts: dict[str, str]) -> timedelta:
    hour, half = int(parts.get("hour", 0)), parts.get("half", "")
    minute, second = int(parts.get("minute", 0)), int(parts.get("second", 0))
    # 24:00 and the leap second 60 are written now and then; both are the next one's zero.
    if hour > 24 or minute > 59 or second > 60:
        raise ValueError(hour, minute, second)
    if parts.get("pm"):
        hour = hour % 12 + 12 * (parts["pm"].lower() == "pm")
    elif (half in ("下午", "晚上") and hour < 12) or (half == "中午" and hour < 3):
        hour += 12
    microsecond = int(parts.get("fraction", "0").ljust(6, "0")[:6])
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=microsecond)


def _zone(parts: dict[str, str]) -> tzinfo:
    if offset := parts.get("offset"):
        digits = offset[1:].replace(":", "")
        digits = digits.zfill(4) if len(digits) > 2 else digits.zfill(2) + "00"
        away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return timezone(-away if offset[0] == "-" else away)
    name = parts.get("zone", "").strip("()").lower()
    return timezone(timedelta(hours=_ZONES[name])) if name in _ZONES else SHANGHAI

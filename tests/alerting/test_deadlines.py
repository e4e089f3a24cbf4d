"""Report-by, on the clock of Asia/Shanghai."""

from datetime import datetime

import pytest

from alerting.deadlines import report_by
from runtime.clock import SHANGHAI
from runtime.config import ReportBy
from schemas.matters import Tier


def shanghai(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("tier", "at", "due"),
    [
        (Tier.GRAVE, "2026-11-02T23:30", "2026-11-03T00:30"),
        (Tier.MAJOR, "2026-11-02T09:00", "2026-11-02T11:00"),
        (Tier.LARGER, "2026-11-02T00:00", "2026-11-03T00:00"),
        (Tier.GENERAL, "2026-11-02T20:00", "2026-11-03T00:00"),
        (Tier.GENERAL, "2026-11-02T20:01", "2026-11-03T12:00"),
        (Tier.LARGER, "2026-11-02T23:59", "2026-11-03T12:00"),
    ],
)
def test_report_by(tier: Tier, at: str, due: str) -> None:
    assert report_by(tier, shanghai(at), ReportBy()) == shanghai(due)

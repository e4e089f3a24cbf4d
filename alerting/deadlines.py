"""The report-by clock (逐级上报): until when an event of a tier is to be reported. Pure."""

from datetime import datetime, time, timedelta

from runtime.clock import SHANGHAI
from runtime.config import ReportBy
from schemas.matters import Tier


def report_by(tier: Tier, at: datetime, rules: ReportBy) -> datetime:
    """特别重大 1 h, 重大 2 h, the others by 24:00 of the day in Asia/Shanghai (response plans).

    A day that is nearly over runs on to noon of the next (our default: the plans say "as fits").
    """
    if tier is Tier.GRAVE:
        return at + timedelta(hours=rules.tier4_hours)
    if tier is Tier.MAJOR:
        return at + timedelta(hours=rules.tier3_hours)
    tomorrow = at.astimezone(SHANGHAI).date() + timedelta(days=1)
    midnight = datetime.combine(tomorrow, time(), SHANGHAI)
    if midnight - at < timedelta(hours=rules.same_day_hours):
        midnight = midnight.replace(hour=rules.next_day_hour)
    return midnight.astimezone(at.tzinfo)

"""How well posts are read: agreement with operators by week, drift by day, posts to judge."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dashboard.cards import PostLine, post_line
from dashboard.charts import change_text
from dashboard.facts import DAY, PageParts
from dashboard.post_page import versions_text
from dashboard.tagging import LOOK_BACK
from dashboard.times import long_moment
from dashboard.words import Words, other
from runtime.clock import SHANGHAI
from schemas.corrections import TagChange
from storage.corrections import Agreement, agreement, tag_breaks
from storage.page import unclear_posts
from storage.reading import LOW_SCORE, DriftDay, drift

READING = "/reading"
AGREEMENT_SHOWN = timedelta(weeks=12)
DRIFT_SHOWN = timedelta(days=27)
UNCLEAR_SHOWN = 12
# A share of fewer posts says less than it seems to.
SHARE_FROM = 20


@dataclass(frozen=True)
class Share:
    """`part` of `whole`: as text, and from 0 to 1 for a bar."""

    text: str
    value: float


@dataclass(frozen=True)
class AgreementLine:
    week: str
    versions: str
    judged: int
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class DriftLine:
    """`marks`: the changes of tags made on this day, or from which on posts were tagged again."""

    day: str
    posts: int
    shares: tuple[Share, ...]
    mean_score: str
    versions: str
    marks: tuple[str, ...]


@dataclass(frozen=True)
class ReadingPage:
    title: str
    now: str
    agreement: tuple[AgreementLine, ...]
    drift: tuple[DriftLine, ...]
    low_score: float
    unclear: tuple[PostLine, ...]
    back: str
    other_language: str


def look_back(parts: PageParts, words: Words) -> ReadingPage:
    """Blocks on the store."""
    store, at = parts.store, parts.clock.now()
    today = at.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    since = today - DRIFT_SHOWN
    days = {found.day: found for found in drift(store, (since, at))}
    marks = _marks(tag_breaks(store, since), words)
    shown = sorted({day for day in (*days, *marks) if day >= since.date()}, reverse=True)
    unclear = unclear_posts(store, (at - DAY, at), UNCLEAR_SHOWN)
    return ReadingPage(
        title=words("reading_title"),
        now=long_moment(at),
        agreement=tuple(
            _agreement(week, words) for week in reversed(agreement(store, at - AGREEMENT_SHOWN))
        ),
        drift=tuple(_drift(days.get(day, nothing(day)), marks[day], words) for day in shown),
        low_score=LOW_SCORE,
        unclear=tuple(post_line(post, LOOK_BACK, None, parts.config, words) for post in unclear),
        back=f"/?lang={words.language}",
        other_language=f"{READING}?lang={other(words).language}",
    )


def share(part: int, whole: int) -> Share:
    value = part / whole if whole else 0.0
    percent = f" ({value:.0%})" if whole >= SHARE_FROM else ""
    return Share(f"{part} / {whole}{percent}", round(value, 3))


def nothing(day: date) -> DriftDay:
    return DriftDay(day, 0, 0, 0, 0, 0, 0, None, ())


def _agreement(found: Agreement, words: Words) -> AgreementLine:
    right = (found.first, found.topics, found.owed, found.danger)
    return AgreementLine(
        week=f"{found.week:%Y-%m-%d}",
        versions=versions_text(found.rules_version, found.model_version, words),
        judged=found.judged,
        shares=tuple(share(part, found.judged) for part in right),
    )


def _drift(day: DriftDay, marks: Sequence[str], words: Words) -> DriftLine:
    parts = (day.untopical, day.education_other, day.not_education)
    mean = words("no_score") if day.mean_score is None else f"{day.mean_score:.2f}"
    return DriftLine(
        day=f"{day.day:%m-%d}",
        posts=day.posts,
        shares=(*(share(part, day.posts) for part in parts), share(day.low, day.scored)),
        mean_score=mean,
        versions="；".join(versions_text(rules, model, words) for rules, model in day.versions),
        marks=tuple(marks),
    )


def _marks(changes: Sequence[TagChange], words: Words) -> Mapping[date, list[str]]:
    """On the day of each change, and on that from which on posts were tagged again."""
    marks: dict[date, list[str]] = defaultdict(list)
    for change in changes:
        for day in {_day(change.at), _day(change.since)}:
            marks[day].append(change_text(change, words))
    return marks


def _day(at: datetime) -> date:
    return at.astimezone(SHANGHAI).date()

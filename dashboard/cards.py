"""One open matter as the page shows it: tier, clocks, numbers, posts, what may be done. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from dashboard.charts import Chart, chart
from dashboard.facts import DAY, Facts
from dashboard.standing import Standing, danger_of, latch_of, standing
from dashboard.tagging import TagLine, post_address, post_key, tag_line, topic_name
from dashboard.times import duration, moment
from dashboard.words import Words
from runtime.config import Config
from schemas.matters import Action, ActionKind, Matter, MatterKey, Tier
from storage.page import LatestPost
from storage.reading import Judgement

LINKED = ("http://", "https://")
COLOURS = {Tier.GENERAL: "blue", Tier.LARGER: "yellow", Tier.MAJOR: "orange", Tier.GRAVE: "red"}

State = Literal["good", "waiting", "bad", "none"]


@dataclass(frozen=True)
class Badge:
    """A tier by name and colour; `style` names the CSS class."""

    style: str
    name: str
    colour: str


@dataclass(frozen=True)
class Clock:
    """One of the matter's clocks: what stands in large, and the line below it."""

    state: State
    headline: str
    detail: str


@dataclass(frozen=True)
class PostLine:
    """`url` is empty when it is no web address: then the heading is no link.

    `key` tells it from other posts of the page; `judge`: the address at which it can be judged.
    """

    key: str
    heading: str
    url: str
    at: str
    source: str
    tags: TagLine
    judge: str


@dataclass(frozen=True)
class Numbers:
    """Of the last 24 hours."""

    posts: int
    concerns: int
    sites: int
    replies: int
    growing: bool


@dataclass(frozen=True)
class Choice:
    kind: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Card:
    id: str
    badge: Badge
    topic: str
    unit: str
    since: str
    unverified: bool
    report: Clock
    receipt: Clock
    first_day: Clock
    first_day_hours: float
    notes: tuple[str, ...]
    numbers: Numbers
    posts: tuple[PostLine, ...]
    chart: Chart
    choices: tuple[Choice, ...]
    note_hint: str
    form_open: bool

    @property
    def overdue(self) -> bool:
        return self.report.state == "bad"

    @property
    def acknowledged(self) -> bool:
        return self.receipt.state == "good"


def badge(tier: Tier, words: Words) -> Badge:
    number = int(tier)
    return Badge(COLOURS[tier], words(f"tier_{number}"), words(f"colour_{number}"))


def web_address(url: str) -> str:
    """Empty for what no browser should follow."""
    return url if url.startswith(LINKED) else ""


def unit_name(key: MatterKey, words: Words) -> str:
    return key.unit or words("whole_area")


def card(matter: Matter, facts: Facts, words: Words) -> Card:
    stands = standing(matter, facts.actions.get(matter.id, ()))
    age = facts.at - matter.opened_at
    report, receipt = _report(matter, stands, facts.at, words), _receipt(stands, words)
    urgent = matter.tier >= Tier.MAJOR and receipt.state != "good"
    choices = _choices(matter, stands, words)
    return Card(
        id=matter.id,
        badge=badge(matter.tier, words),
        topic=topic_name(facts.config, matter.key.topic, words),
        unit=unit_name(matter.key, words),
        since=words("opened_ago", at=moment(matter.opened_at), span=duration(age, words)),
        unverified=bool(danger_of(matter)) and not stands.confirmed,
        report=report,
        receipt=receipt,
        first_day=_first_day(matter, age, words),
        first_day_hours=round(min(max(age / timedelta(hours=1), 0), 24), 2),
        notes=_notes(stands, words),
        numbers=_numbers(facts, matter),
        posts=_posts(matter, facts, words),
        chart=chart(facts.hours.get(matter.key, {}), facts.at, words, facts.changes),
        choices=choices,
        note_hint=words("note_hint" if latch_of(matter) else "note_hint_report"),
        form_open=urgent or report.state == "bad",
    )


def _signed(action: Action, words: Words) -> str:
    return words("by_at", operator=action.operator, at=moment(action.at))


def _report(matter: Matter, stands: Standing, at: datetime, words: Words) -> Clock:
    done = stands.reported
    if done:
        detail = words("reported_detail", to=done.note, operator=done.operator, at=moment(done.at))
        return Clock("good", words("reported"), detail)
    due = matter.report_by
    if due is None:
        return Clock("none", words("no_deadline"), words("no_deadline_detail"))
    if at > due:
        headline = words("overdue", span=duration(at - due, words))
        return Clock("bad", headline, words("report_was_due", at=moment(due)))
    headline = words("time_left", span=duration(due - at, words))
    return Clock("waiting", headline, words("report_before", at=moment(due)))


def _receipt(stands: Standing, words: Words) -> Clock:
    if stands.acknowledged:
        return Clock("good", words("acknowledged"), _signed(stands.acknowledged, words))
    detail = "acknowledge_again" if stands.acknowledged_before else "nobody_yet"
    return Clock("waiting", words("not_acknowledged"), words(detail))


def _first_day(matter: Matter, age: timedelta, words: Words) -> Clock:
    detail = words("opened", at=moment(matter.opened_at))
    if age > DAY:
        return Clock("none", words("first_day_over"), detail)
    return Clock("waiting", words("first_day_in", span=duration(age, words)), detail)


def _notes(stands: Standing, words: Words) -> tuple[str, ...]:
    def note(key: str, action: Action | None) -> list[str]:
        return [words(key, operator=action.operator, at=moment(action.at))] if action else []

    return (*note("confirmed_by", stands.confirmed), *note("lower_pending", stands.lowered))


def _numbers(facts: Facts, matter: Matter) -> Numbers:
    found = facts.windows.get(matter.id)
    if found is None:
        return Numbers(0, 0, 0, 0, growing=False)
    window = found.window
    return Numbers(window.posts, window.concerns, window.sites, window.replies, found.growing)


def post_line(
    post: LatestPost, back: str, judgement: Judgement | None, config: Config, words: Words
) -> PostLine:
    """`back`: where judging it leads back to, a matter's id or LOOK_BACK."""
    names = {source.id: source.name for source in config.sources}
    return PostLine(
        key=post_key(post.source, post.id),
        heading=post.heading.strip() or words("untitled"),
        url=web_address(post.url),
        at=moment(post.at),
        source=names.get(post.source, post.source),
        tags=tag_line((post.labels, post.why), judgement, config, words),
        judge=post_address((post.source, post.id, post.at), back, words),
    )


def _posts(matter: Matter, facts: Facts, words: Words) -> tuple[PostLine, ...]:
    said, config = facts.judgements, facts.config
    return tuple(
        post_line(post, matter.id, said.get((post.source, post.id)), config, words)
        for post in facts.latest.get(matter.key, ())
    )


def _choices(matter: Matter, stands: Standing, words: Words) -> tuple[Choice, ...]:
    """What actions.py would take now; the next step that is due is chosen."""
    kinds = [ActionKind.ACKNOWLEDGE, ActionKind.REPORTED]
    if danger_of(matter) and not stands.confirmed:
        kinds.append(ActionKind.CONFIRM)
    if latch_of(matter) and not stands.lowered:
        kinds.append(ActionKind.LOWER)
    next_step = ActionKind.REPORTED if stands.acknowledged else ActionKind.ACKNOWLEDGE
    if stands.acknowledged and stands.reported:
        next_step = kinds[-1]
    return tuple(Choice(k.value, words(f"action_{k.value}"), k is next_step) for k in kinds)

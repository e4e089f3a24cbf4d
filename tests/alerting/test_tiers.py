"""The four tiers, rule by rule, each on the smallest counts that show it."""

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.tiers import Levels, Moment, apply_actions, evaluate
from runtime.config import AlertRules, Period
from schemas.matters import (
    Action,
    ActionKind,
    Event,
    EventKind,
    Matter,
    MatterKey,
    NotifyReason,
    Tier,
)
from schemas.windows import Span, WindowCounts
from tests.made import START, counts, mark, matter, minutes

KEY = MatterKey("food_safety", "")
LEVELS = Levels(AlertRules())
HOUR = 60


def tick(
    before: Matter | None,
    window: WindowCounts,
    at: datetime = START,
    coverage: float = 1.0,
    levels: Levels = LEVELS,
) -> tuple[Matter | None, Event | None]:
    return evaluate(before, Moment(KEY, at, window, coverage), levels)


def event(
    before: Matter | None, window: WindowCounts, at: datetime = START, **more: object
) -> Event:
    _, found = tick(before, window, at, **more)  # type: ignore[arg-type]
    assert found is not None
    return found


def growing(volume: int, **fields: object) -> WindowCounts:
    return counts(volume, recent=Span(volume, volume), **fields)


def test_two_concerns_open_nothing() -> None:
    assert tick(None, counts(2)) == (None, None)


def test_three_concerns_open_a_matter() -> None:
    opened = event(None, counts(3))
    assert (opened.kind, opened.tier) == (EventKind.OPENED, Tier.GENERAL)
    assert (opened.reason, opened.sequence) == (NotifyReason.CONCERNS, 1)


def test_one_danger_post_opens_at_the_highest_tier_in_one_event() -> None:
    opened = event(None, counts(1, danger=mark()))
    assert (opened.kind, opened.tier) == (EventKind.OPENED, Tier.GRAVE)
    assert opened.reason is NotifyReason.DANGER


def test_an_outlets_concern_opens_and_lifts_at_once() -> None:
    opened = event(None, counts(1, news=mark(), news_concern=mark()))
    assert (opened.kind, opened.tier) == (EventKind.OPENED, Tier.MAJOR)
    assert opened.reason is NotifyReason.NEWS_CONCERN


def test_an_outlets_ordinary_report_opens_nothing_but_lifts_what_is_open() -> None:
    assert tick(None, counts(0, news=mark(), active=True)) == (None, None)
    raised = event(matter(), counts(1, news=mark()), START + minutes(1))
    assert (raised.kind, raised.tier) == (EventKind.RAISED, Tier.MAJOR)
    assert raised.reason is NotifyReason.NEWS


@pytest.mark.parametrize(
    ("window", "tier"),
    [
        (counts(99, sites=2), Tier.GENERAL),
        (counts(100, sites=1), Tier.GENERAL),
        (counts(100, sites=2), Tier.LARGER),
        (growing(49, sites=2), Tier.GENERAL),
        (growing(50, sites=2), Tier.LARGER),
        (counts(499, sites=2), Tier.LARGER),
        (counts(500, sites=1), Tier.MAJOR),
    ],
)
def test_volume_and_sites_enter_the_tiers(window: WindowCounts, tier: Tier) -> None:
    assert event(None, window).tier is tier


def test_a_key_topic_or_period_needs_less() -> None:
    window = growing(50)
    key_topic = Levels(AlertRules(key_topics=("food_safety",)))
    assert event(None, window, levels=key_topic).reason is NotifyReason.KEY_GROWING
    period = Period(name="中考", start=START, end=START + minutes(1))
    in_period = Levels(AlertRules(), [period])
    assert event(None, window, levels=in_period).tier is Tier.MAJOR
    assert event(None, window, START + minutes(1), levels=in_period).tier is Tier.GENERAL


def test_a_level_of_views_can_be_set() -> None:
    rules = AlertRules.model_validate({"tier2": {"views": 1000}, "tier3": {"views": 9000}})
    levels = Levels(rules)
    assert event(None, counts(3, sites=2, views=1000), levels=levels).tier is Tier.LARGER
    assert event(None, counts(3, views=9000), levels=levels).reason is NotifyReason.VIEWS
    assert event(None, counts(3, sites=2, views=9000)).tier is Tier.GENERAL


def test_a_tier_is_left_after_six_hours_below_seventy_percent() -> None:
    above, _ = tick(matter(Tier.MAJOR), counts(350))
    assert above is not None
    assert above.below_since is None
    below, none = tick(above, counts(349, sites=1), START)
    assert none is None
    assert below is not None
    assert below.below_since == START
    early, none = tick(below, counts(10), START + minutes(6 * HOUR - 1))
    assert none is None
    lowered = event(early, counts(10), START + minutes(6 * HOUR))
    assert (lowered.kind, lowered.tier) == (EventKind.LOWERED, Tier.GENERAL)
    assert lowered.reason is NotifyReason.BELOW_LEVEL


def entered_by_growth() -> Matter:
    entered, told = tick(None, growing(69, sites=2))
    assert told is not None
    assert told.reason is NotifyReason.GROWING
    assert entered is not None
    return entered


def test_growth_is_a_condition_of_entering_not_of_staying() -> None:
    calm, none = tick(entered_by_growth(), counts(35, sites=2), START + minutes(HOUR))
    assert none is None
    assert calm is not None
    assert calm.below_since is None
    below, _ = tick(calm, counts(34, sites=2), START + minutes(2 * HOUR))
    assert event(below, counts(34, sites=2), START + minutes(8 * HOUR)).tier is Tier.GENERAL


def test_the_level_of_entry_is_the_one_that_must_hold() -> None:
    entered, _ = tick(None, counts(100, sites=2))
    below, _ = tick(entered, counts(69, sites=2), START + minutes(HOUR))
    assert below is not None
    assert below.below_since == START + minutes(HOUR)
    assert event(below, counts(69, sites=2), START + minutes(7 * HOUR)).tier is Tier.GENERAL


def test_a_tier_whose_conditions_hold_again_is_not_left() -> None:
    entered, _ = tick(None, counts(100, sites=2))
    below, _ = tick(entered, counts(60, sites=2), START + minutes(HOUR))
    again, none = tick(below, growing(60, sites=2), START + minutes(7 * HOUR))
    assert none is None
    assert again is not None
    assert again.below_since is None


def test_what_is_quiet_closes_even_if_old_replies_would_raise_it() -> None:
    silent = counts(600, active=False)
    assert event(matter(), silent, START + minutes(48 * HOUR)).kind is EventKind.CLOSED


def test_a_recovery_starts_the_six_hours_again() -> None:
    below, _ = tick(matter(Tier.LARGER), counts(60, sites=2))
    back, _ = tick(below, counts(70, sites=2), START + minutes(HOUR))
    assert back is not None
    assert back.below_since is None


def test_lowering_goes_straight_to_the_tier_that_then_holds() -> None:
    low = matter(Tier.MAJOR, below_since=START)
    at = START + minutes(6 * HOUR)
    assert event(low, counts(120, sites=2), at).tier is Tier.LARGER
    assert event(low, counts(20, sites=2), at).tier is Tier.GENERAL


def test_danger_and_news_latch_however_quiet_it_gets() -> None:
    grave, _ = tick(None, counts(1, danger=mark()))
    quiet, none = tick(grave, counts(0, active=True), START + minutes(40 * HOUR))
    assert none is None
    assert quiet is not None
    assert quiet.tier is Tier.GRAVE
    major, _ = tick(matter(), counts(1, news=mark()))
    _, none = tick(major, counts(0, active=True), START + minutes(40 * HOUR))
    assert none is None


def test_no_lowering_and_no_closing_while_too_little_was_watched() -> None:
    low = matter(Tier.LARGER, below_since=START)
    at = START + minutes(7 * HOUR)
    assert tick(low, counts(3), at, coverage=0.89)[1] is None
    assert event(low, counts(3), at, coverage=0.9).kind is EventKind.LOWERED
    assert tick(low, counts(0), at, coverage=0.89)[1] is None


LATE = START + minutes(60 * HOUR)


@pytest.mark.parametrize(
    "found",
    [
        replace(matter(), opened_at=LATE),
        matter(Tier.GRAVE, danger_at=LATE),
        matter(Tier.MAJOR, news_at=LATE),
    ],
)
def test_what_was_met_late_is_not_closed_within_a_day(found: Matter) -> None:
    assert tick(found, counts(0), LATE + minutes(24 * HOUR - 1))[1] is None
    assert event(found, counts(0), LATE + minutes(24 * HOUR)).kind is EventKind.CLOSED


def test_a_quiet_matter_closes_at_the_tier_it_had_and_its_clock_ends() -> None:
    open_matter = matter(Tier.GRAVE, danger_at=START, report_by=START)
    closed, told = tick(open_matter, counts(0), START + minutes(48 * HOUR))
    assert told is not None
    assert (told.kind, told.tier, told.report_by) == (EventKind.CLOSED, Tier.GRAVE, None)
    assert told.reason is NotifyReason.QUIET
    assert closed is not None
    assert not closed.open
    assert closed.danger_at is None


def closed_matter() -> Matter:
    return matter(Tier.LARGER, sequence=4, closed_at=START)


def openers(at: datetime, count: int) -> WindowCounts:
    return counts(count, openers=(at,) * count)


def test_it_reopens_as_the_same_matter_on_what_came_since_the_closing() -> None:
    old = counts(3, openers=(START,) * 3, danger=None)
    assert tick(closed_matter(), old, START + minutes(1))[1] is None
    later = START + minutes(10)
    again = event(closed_matter(), openers(later, 3), later)
    assert (again.kind, again.matter_id) == (EventKind.REOPENED, "food_safety-1")
    assert (again.sequence, again.tier) == (5, Tier.GENERAL)
    assert again.report_by is not None


def test_danger_from_before_the_closing_does_not_reopen() -> None:
    window = counts(1, danger=mark(START), openers=())
    assert tick(closed_matter(), window, START + minutes(1))[1] is None


def test_after_thirty_days_it_is_another_matter() -> None:
    last = START + minutes(30 * 24 * HOUR)
    assert event(closed_matter(), openers(last, 3), last).kind is EventKind.REOPENED
    late = last + minutes(1)
    new = event(closed_matter(), openers(late, 3), late)
    assert new.kind is EventKind.OPENED
    assert new.matter_id != "food_safety-1"
    assert new.sequence == 1


def test_a_raise_keeps_the_earlier_deadline_and_lowering_keeps_the_running_one() -> None:
    due = START + minutes(30)
    raised, told = tick(matter(report_by=due), counts(500))
    assert told is not None
    assert told.report_by == due
    raised, told = tick(matter(report_by=START + minutes(9 * HOUR)), counts(500))
    assert told is not None
    assert told.report_by == START + minutes(2 * HOUR)
    assert raised is not None
    low = replace(raised, below_since=START)
    lowered = event(low, counts(3), START + minutes(6 * HOUR))
    assert lowered.report_by == START + minutes(2 * HOUR)


def action(kind: ActionKind, at: datetime) -> Action:
    return Action(id="a", matter_id="food_safety-1", kind=kind, at=at, operator="王", note="已核实")


def test_an_operator_lowers_a_latched_danger_at_once() -> None:
    grave = matter(Tier.GRAVE, danger_at=START)
    acted = apply_actions(grave, [action(ActionKind.LOWER, START + minutes(5))])
    window = counts(5, danger=mark(START))
    lowered, told = tick(acted, window, START + minutes(6))
    assert told is not None
    assert (told.kind, told.tier) == (EventKind.LOWERED, Tier.GENERAL)
    assert told.reason is NotifyReason.OPERATOR
    again = counts(5, danger=mark(START + minutes(7)))
    assert event(lowered, again, START + minutes(8)).tier is Tier.GRAVE


def test_lowering_danger_leaves_the_news_latch() -> None:
    grave = matter(Tier.GRAVE, danger_at=START, news_at=START)
    acted = apply_actions(grave, [action(ActionKind.LOWER, START + minutes(5))])
    assert event(acted, counts(5), START + minutes(6)).tier is Tier.MAJOR


def test_acknowledging_is_not_reporting() -> None:
    due = START + minutes(60)
    running = matter(Tier.GRAVE, danger_at=START, report_by=due)
    seen = action(ActionKind.ACKNOWLEDGE, START + minutes(1))
    assert apply_actions(running, [seen]).report_by == due
    reported = action(ActionKind.REPORTED, START + minutes(1))
    assert apply_actions(running, [seen, reported]).report_by is None


def test_a_report_of_an_earlier_tier_does_not_stop_a_later_clock() -> None:
    raised, _ = tick(matter(report_by=None), counts(500), START + minutes(10))
    assert raised is not None
    early = action(ActionKind.REPORTED, START + minutes(9))
    assert apply_actions(raised, [early]).report_by is not None


def test_actions_may_be_applied_again() -> None:
    acts = [action(ActionKind.REPORTED, START), action(ActionKind.LOWER, START)]
    once = apply_actions(matter(Tier.GRAVE, danger_at=START, report_by=START), acts)
    assert apply_actions(once, acts) == once


windows = st.builds(
    lambda volume, recent, before, sites, danger, news: counts(
        volume,
        recent=Span(recent, recent),
        before=Span(before, before),
        sites=sites,
        danger=mark() if danger else None,
        news=mark() if news else None,
    ),
    st.integers(0, 700),
    st.integers(0, 90),
    st.integers(0, 90),
    st.integers(0, 3),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(st.tuples(windows, st.integers(1, 600), st.sampled_from([0.5, 1.0])), max_size=30))
def test_any_stream_of_counts_gives_a_lawful_sequence_of_events(
    steps: list[tuple[WindowCounts, int, float]],
) -> None:
    """Sequences without gaps, tiers that change as the kind says, and at most one event a tick."""
    now, current, last = START, None, None
    for window, pause, coverage in steps:
        now += minutes(pause)
        after, told = tick(current, window, now, coverage)
        if told is not None:
            assert after is not None
            assert (told.sequence, told.tier) == (after.sequence, after.tier)
            if told.kind is EventKind.OPENED:
                assert told.sequence == 1
            else:
                assert last is not None
                assert told.sequence == last.sequence + 1
                assert told.kind is not EventKind.RAISED or told.tier > last.tier
                assert told.kind is not EventKind.LOWERED or told.tier < last.tier
                assert coverage >= 0.9 or told.kind not in (EventKind.LOWERED, EventKind.CLOSED)
            assert (told.report_by is None) == (told.kind is EventKind.CLOSED)
            last = told
        current = after

"""The collector while the clock jumps: no source waits for the time to be made up."""

from datetime import timedelta
from pathlib import Path

import pytest

from collectors.answers import Answer
from schemas.posts import PollOutcome
from tests.collectors.documents import item, rss
from tests.collectors.test_worker import URL, Town, posts

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_source_is_asked_at_once_after_the_clock_was_put_back(
    tmp_path: Path, restarted: bool
) -> None:
    town = Town(tmp_path)
    town.poll(item(1))
    town.clock.advance(-HOUR)
    if restarted:
        town.restart()
    town.sites[URL] = rss(item(1), item(2))
    assert town.collector.run_once() == 1
    # Once; then at its pace again.
    assert town.collector.run_once() == 0
    town.clock.advance(timedelta(minutes=12))
    assert town.collector.run_once() == 1
    assert [post.id for post in posts(town.log)].count(posts(town.log)[0].id) == 1
    assert len(posts(town.log)) == 2


def test_a_failing_source_too(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.sites[URL] = Answer(PollOutcome.UNREACHABLE, URL, None)
    assert town.collector.run_once() == 1
    town.clock.advance(-HOUR)
    assert town.collector.run_once() == 1
    assert town.collector.run_once() == 0


def test_a_jump_forwards_makes_all_due_once(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.poll(item(1))
    town.clock.advance(timedelta(days=1))
    assert town.collector.run_once() == 1
    assert town.collector.run_once() == 0

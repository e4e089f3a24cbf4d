"""Collectors that join, leave, die, pause and publish in doubt in any order, as lists change."""

from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors import asking
from runtime.errors import RetryLater
from tests.collectors.crew import Crew, Member, listed

NAMES = tuple(f"s{number}" for number in range(6))
MOST_MEMBERS = 4


class Walk:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.crew = Crew(*NAMES)
        self.crew.fate = lambda: self.random.choice([None, None, None, True, False])
        self.crew.while_asked = self.maybe_moves
        self.numbers: dict[str, int] = dict.fromkeys(NAMES, 0)
        self.busy: Member | None = None
        self.crew.join()

    def step(self) -> None:
        moves: list[Callable[[], None]] = [self.join, self.leave, self.die, self.pause]
        self.random.choice([self.edit, self.edit, self.poll, self.poll, self.poll, *moves])()

    def edit(self) -> None:
        """New posts come on a list, and the oldest fall off."""
        name = self.random.choice(NAMES)
        self.numbers[name] += self.random.randint(1, 2)
        newest = self.numbers[name]
        self.crew.sites[name] = listed(*range(max(newest - 3, 1), newest + 1))

    def poll(self) -> None:
        self.crew.clock.advance(timedelta(minutes=self.random.randint(0, 15)))
        self.busy = self.random.choice(self.crew.members)
        try:
            self.busy.collector.run_once()
        except RetryLater:
            return
        finally:
            self.busy = None

    def maybe_moves(self) -> None:
        """The partitions move while a site is asked, too."""
        if self.random.random() < 0.1:
            self.random.choice([self.join, self.leave, self.die, self.pause])()

    def join(self) -> None:
        if len(self.crew.members) < MOST_MEMBERS:
            self.crew.join()

    def leave(self) -> None:
        if member := self.idle():
            member.stop()
            self.crew.members.remove(member)

    def die(self) -> None:
        if member := self.idle():
            member.die()
            self.crew.members.remove(member)

    def pause(self) -> None:
        """For longer than the session; it holds what it fetched, and wakes up at its next poll."""
        self.random.choice(self.crew.members).share.inner.expire()

    def idle(self) -> Member | None:
        others = [each for each in self.crew.members if each is not self.busy]
        return self.random.choice(others) if len(self.crew.members) > 1 and others else None

    def settle(self) -> None:
        self.crew.fate = lambda: None
        self.crew.while_asked = lambda: None
        self.crew.round()
        self.crew.round()


@given(st.integers(0, 10**9))
@settings(max_examples=25, deadline=None)
def test_every_post_counts_once_at_one_time_whoever_holds_its_source(seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # One site at a time, so that a seed always gives the same walk.
        patch.setattr(asking, "AT_ONCE", 1)
        crew = walked(seed)
    assert {len(times) for times in crew.counted().values()} <= {1}
    on_lists = {(name, number) for name in NAMES for number in numbers_on(crew, name)}
    published = {(post.source, number_of(post.url)) for post in crew.posts()}
    assert on_lists <= published
    holders = [name for member in crew.members for name in member.names()]
    assert sorted(holders) == sorted(NAMES), "each source has one holder, and each has one"
    before = len(crew.posts())
    crew.asked.clear()
    crew.round()
    assert sorted(name for _, name, _ in crew.asked) == sorted(NAMES)
    assert len(crew.posts()) == before


def walked(seed: int) -> Crew:
    walk = Walk(seed)
    for _ in range(60):
        walk.step()
    walk.settle()
    return walk.crew


def numbers_on(crew: Crew, name: str) -> list[int]:
    return [number_of(each) for each in crew.sites[name]]


def number_of(text: str) -> int:
    return int(text.partition("thread-")[2].partition("-")[0])

"""Several alerters, frozen, killed and lied to at any step: one event a change, one id for each."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from runtime.clock import ManualClock
from runtime.settings import SHIPPED, load_config
from schemas.matters import Action, ActionKind, Event, MatterKey
from storage.matters import events_since, insert_action, load_matters
from storage.posts import insert_posts
from storage.store import Store
from tests.alerting.interleaving import Chaos, Process, Town
from tests.made import START, minutes, raw_post, tagged
from tests.stores import chdb_store

CONFIG = load_config(SHIPPED)
KEYS = [MatterKey(topic, unit) for topic in ("fees", "exams") for unit in ("", "一小")]
STEPS = 450
IDS = "SELECT matter_id, sequence FROM matter_events"


class Story:
    """What happens in the town while its alerters are at work."""

    def __init__(self, store: Store, town: Town) -> None:
        self.store, self.town, self.posts = store, town, 0

    def go_on(self) -> None:
        random = self.town.chaos.random
        self.town.clock.advance(timedelta(seconds=random.choice((0, 20, 20, 40))))
        chance = random.random()
        if chance < 0.5:
            self.complain(random.choice(KEYS), danger=chance < 0.2)
        elif chance < 0.8:
            self.lower(random)

    def complain(self, key: MatterKey, *, danger: bool) -> None:
        self.posts += 1
        units = (key.unit,) if key.unit else ()
        post = raw_post(str(self.posts), self.town.clock.now())
        found = tagged(post, topics=(key.topic,), units=units, danger=danger)
        insert_posts(self.store, [found])

    def lower(self, random: Random) -> None:
        for matter in load_matters(self.store, START)[: random.randint(1, 2)]:
            now = self.town.clock.now()
            insert_action(
                self.store,
                Action(
                    id=f"{self.posts}-{matter.id}-{now}",
                    matter_id=matter.id,
                    kind=ActionKind.LOWER,
                    at=now,
                    operator="王",
                    note="已处理",
                ),
            )


@contextmanager
def processes(town: Town, random: Random) -> Iterator[list[Process]]:
    made = [Process(town, timedelta(seconds=random.randint(-8, 8))) for _ in range(3)]
    try:
        yield made
    finally:
        for process in made:
            process.end()


def run(story: Story, made: list[Process], random: Random) -> None:
    """One or the other goes a few steps; another may sleep for long in the middle of its work."""
    asleep = dict.fromkeys(made, 0)
    for number in range(STEPS):
        if number % 6 == 0:
            story.go_on()
        awake = [process for process in made if asleep[process] <= number] or made
        process = random.choice(awake)
        for _ in range(random.choice((1, 1, 3, 10))):
            process.step()
        if random.random() < 0.05:
            asleep[process] = number + random.choice((10, 50, 150))


def settle(town: Town, made: list[Process]) -> None:
    """All wake up; from then on one leads and nothing goes wrong."""
    town.chaos.over = True
    for process in made:
        process.leads = process is made[0]
    for _ in range(4):
        town.clock.advance(minutes(10))
        for process in made:
            _round(process)
            _round(process)


def by_matter(events: list[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {event.matter_id: [] for event in events}
    for event in events:
        found[event.matter_id].append(event)
    return found


def check(store: Store, told: list[str]) -> int:
    """The promises, over all that was written; returns how many events there are."""
    events = events_since(store, START)
    written = Counter(store.rows(IDS))
    assert [key for key, times in written.items() if times > 1] == []
    keys = Counter({event.matter_id: event.key for event in events}.values())
    assert [key for key, matters in keys.items() if matters > 1] == []
    standing = {matter.id: matter for matter in load_matters(store, START)}
    for matter_id, changes in by_matter(events).items():
        changes.sort(key=lambda event: event.sequence)
        assert [event.sequence for event in changes] == list(range(1, len(changes) + 1))
        assert all(a.at < b.at and a.tier != b.tier for a, b in pairwise(changes))
        last, stands = changes[-1], standing[matter_id]
        assert (stands.tier, stands.sequence) == (last.tier, last.sequence)
    assert set(told) == {event.id for event in events}
    return len(events)


@contextmanager
def town_in(folder: Path, seed: int) -> Iterator[tuple[Store, Town]]:
    with chdb_store(folder) as store:
        store.command("SYSTEM STOP MERGES matter_events")  # they would hide a second row
        chaos = Chaos(Random(seed))
        yield store, Town(f"chdb://{folder}/store", CONFIG, ManualClock(START), chaos)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.timeout(180)
def test_any_interleaving_of_leaders_writes_one_event_a_change(seed: int, tmp_path: Path) -> None:
    with town_in(tmp_path, seed) as (store, town):
        random = town.chaos.random
        with processes(town, random) as made:
            run(Story(store, town), made, random)
            settle(town, made)
        assert check(store, town.told) > 8


@pytest.mark.timeout(180)
def test_a_leader_frozen_before_any_of_its_steps_changes_nothing_when_it_wakes(
    tmp_path: Path,
) -> None:
    """Before each statement and send of its round in turn; another leads meanwhile."""
    with town_in(tmp_path, 0) as (store, town):
        story, steps = Story(store, town), 0
        town.chaos.over = True
        with processes(town, town.chaos.random) as (frozen, other, _):
            frozen.leads = other.leads = True
            woken_late = True
            while woken_late:
                town.clock.advance(minutes(1))
                key = MatterKey("fees", f"{steps}")
                story.complain(key, danger=False)
                story.complain(key, danger=True)
                rounds = frozen.rounds
                for _ in range(steps):
                    frozen.step()
                woken_late = frozen.rounds == rounds
                for _ in range(2):
                    story.complain(key, danger=True)
                    town.clock.advance(minutes(1))
                    _round(other)
                _round(frozen)
                steps += 1
            settle(town, [other, frozen])
        assert steps > 25
        assert check(store, town.told) == steps


def _round(process: Process) -> int:
    """To the end of a round that goes well; returns how many steps that took."""
    rounds, steps = process.rounds, 0
    while process.rounds == rounds:
        process.step()
        steps += 1
    return steps

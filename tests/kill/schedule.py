"""Who is struck when: drawn from a seed, so that a failure can be looked at again."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

# How many of ten kills are whose. A broker takes seconds to come back: it is killed more rarely.
SHARES = {"collector": 3, "analyzer": 2, "alerter": 2, "kafka": 1, "clickhouse": 2}
# Longer than a member of a consumer group may be silent.
PAUSE_SECONDS = 14.0
_PAUSED = ("alerter", "collector", "analyzer")


@dataclass(frozen=True)
class Blow:
    """At `at` seconds `victim` gets kill -9, or is stopped for `paused` seconds if that is set."""

    at: float
    victim: str
    paused: float = 0

    def __str__(self) -> str:
        how = f"paused for {self.paused:g} s" if self.paused else "killed"
        return f"{self.at:6.1f} s {self.victim} {how}"


@dataclass(frozen=True)
class Plan:
    seed: int
    kills: int
    pauses: int
    seconds: float


def blows(plan: Plan, members: Mapping[str, int]) -> list[Blow]:
    """`plan.kills` kills spread over all kinds of `members`, and pauses of stages.

    Each kind's moments are random within even parts of the time, so none has all at once.
    """
    random = Random(plan.seed)
    drawn: list[Blow] = []
    for kind, count in _shared_out(plan.kills).items():
        for at in _moments(random, count, plan.seconds):
            drawn.append(Blow(at, _one_of(random, kind, members.get(kind, 0))))
    for number, at in enumerate(_moments(random, plan.pauses, plan.seconds)):
        kind = _PAUSED[number % len(_PAUSED)]
        drawn.append(Blow(at, _one_of(random, kind, members[kind]), PAUSE_SECONDS))
    return sorted(drawn, key=lambda blow: blow.at)


def _shared_out(kills: int) -> dict[str, int]:
    """Every kind at least once; what rounding leaves goes to the collectors."""
    total = sum(SHARES.values())
    counts = {kind: max(1, kills * share // total) for kind, share in SHARES.items()}
    counts["collector"] += max(0, kills - sum(counts.values()))
    return counts


def _moments(random: Random, count: int, seconds: float) -> list[float]:
    part = seconds / max(count, 1)
    return [part * (number + random.random()) for number in range(count)]


def _one_of(random: Random, kind: str, count: int) -> str:
    """Of stages there are several; the engines are one each."""
    return f"{kind}{random.randrange(count)}" if count else kind

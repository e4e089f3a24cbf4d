"""What `huisheng status` and probes ask: /status.json and /healthz, from the facts of the page."""

from dataclasses import dataclass
from datetime import datetime

from dashboard.facts import Facts, PageParts
from dashboard.standing import standing
from dashboard.watching import is_late, is_silent
from runtime.health import StageHealth
from schemas.posts import COVERING


@dataclass(frozen=True)
class SourceStatus:
    """`outcome`: of the last poll, or `silent`, or `never`."""

    id: str
    name: str
    outcome: str
    covered: bool
    last_at: datetime | None
    posts_24h: int
    message: str


@dataclass(frozen=True)
class MatterStatus:
    id: str
    tier: int
    topic: str
    unit: str
    opened_at: datetime
    report_by: datetime | None
    reported: bool
    acknowledged: bool


@dataclass(frozen=True)
class Status:
    at: datetime
    coverage: float
    stages: tuple[StageHealth, ...]
    sources: tuple[SourceStatus, ...]
    matters: tuple[MatterStatus, ...]


def status(facts: Facts) -> Status:
    return Status(
        at=facts.at,
        coverage=facts.watch.coverage,
        stages=tuple(facts.watch.stages),
        sources=_sources(facts),
        matters=_matters(facts),
    )


def _sources(facts: Facts) -> tuple[SourceStatus, ...]:
    lines = []
    for source in facts.config.sources:
        found = facts.watch.sources.get(source.id)
        silent = found is not None and is_silent(source, found, facts.at)
        outcome = found.outcome.value if found else "never"
        lines.append(
            SourceStatus(
                id=source.id,
                name=source.name,
                outcome="silent" if silent else outcome,
                covered=found is not None and not silent and found.outcome in COVERING,
                last_at=found.last_at if found else None,
                posts_24h=facts.watch.posts.get(source.id, 0),
                message=found.message if found else "",
            )
        )
    return tuple(lines)


def _matters(facts: Facts) -> tuple[MatterStatus, ...]:
    stands = [standing(matter, facts.actions.get(matter.id, ())) for matter in facts.open]
    return tuple(
        MatterStatus(
            id=matter.id,
            tier=int(matter.tier),
            topic=matter.key.topic,
            unit=matter.key.unit,
            opened_at=matter.opened_at,
            report_by=None if stand.reported else matter.report_by,
            reported=stand.reported is not None,
            acknowledged=stand.acknowledged is not None,
        )
        for matter, stand in zip(facts.open, stands, strict=True)
    )


def late_stages(parts: PageParts) -> list[str]:
    """Each stage whose last good round is too long ago, with what is wrong, as a line of text."""
    now = parts.clock.now()
    return [
        f"{stage.stage}: last ok {_when(stage.ok_at)}; {stage.problem or 'no problem told'}"
        for stage in parts.board.stages()
        if is_late(stage, now, parts.stale_after)
    ]


def _when(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else "never"

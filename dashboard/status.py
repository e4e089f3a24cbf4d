"""What `huisheng status` asks as /status.json: the page's facts, the store, what is pending."""

from dataclasses import dataclass
from datetime import datetime

from dashboard.facts import Facts, PageParts, gather
from dashboard.pending import PendingDelivery, pending
from dashboard.standing import standing
from dashboard.watching import is_silent
from runtime.health import Verdict, judge
from schemas.posts import COVERING
from storage.condition import StoreCondition, condition


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
    stages: tuple[Verdict, ...]
    sources: tuple[SourceStatus, ...]
    matters: tuple[MatterStatus, ...]
    pending: tuple[PendingDelivery, ...]
    store: StoreCondition


def status(parts: PageParts) -> Status:
    """Blocks on the store, and on the other processes of server mode."""
    facts = gather(parts)
    return Status(
        at=facts.at,
        coverage=facts.watch.coverage,
        stages=tuple(judge(facts.watch.stages, facts.at, parts.stale_after)),
        sources=_sources(facts),
        matters=_matters(facts),
        pending=pending(parts.store, parts.channels, facts.at),
        store=condition(parts.store),
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

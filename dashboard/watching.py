"""Sources and stages as the page tells them: state, finding and remedy. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.cards import State
from dashboard.facts import Watch
from dashboard.times import duration, long_moment
from dashboard.words import CATALOGUE, Words
from runtime.config import Source
from runtime.health import Lag, Verdict, judge
from schemas.posts import COVERING
from storage.polls import SourceHealth

SILENT_AFTER_INTERVALS = 3


@dataclass(frozen=True)
class SourceLine:
    name: str
    kind: str
    state: State
    outcome: str
    last: str
    last_at: str
    posts: int
    message: str


@dataclass(frozen=True)
class StageLine:
    """`lags`: of each partition that is the process's."""

    name: str
    instance: str
    state: State
    word: str
    detail: str
    lags: tuple[str, ...]
    problem: str


def source_lines(
    watch: Watch, sources: tuple[Source, ...], at: datetime, words: Words
) -> tuple[SourceLine, ...]:
    """What stands in the configuration, those in trouble first."""
    lines = [
        _source_line(
            source, watch.sources.get(source.id), watch.posts.get(source.id, 0), (at, words)
        )
        for source in sources
    ]
    return tuple(sorted(lines, key=lambda line: line.state != "bad"))


def _source_line(
    source: Source, found: SourceHealth | None, posts: int, seen: tuple[datetime, Words]
) -> SourceLine:
    at, words = seen
    state, outcome, message = _source_state(source, found, at, words)
    return SourceLine(
        name=source.name,
        kind=words(f"kind_{source.kind.value}"),
        state=state,
        outcome=outcome,
        last=ago(found.last_at, at, words) if found else words("never"),
        last_at=long_moment(found.last_at) if found else "",
        posts=posts,
        message=message,
    )


def _source_state(
    source: Source, found: SourceHealth | None, at: datetime, words: Words
) -> tuple[State, str, str]:
    if found is None:
        return "bad", words("source_never"), words("source_never_message")
    if is_silent(source, found, at):
        message = words(
            "source_silent_message",
            minutes=f"{source.interval_minutes:g}",
            span=duration(at - found.last_at, words),
        )
        return "bad", words("source_silent"), message
    outcome = words(f"outcome_{found.outcome.value}")
    if found.outcome in COVERING:
        return "good", outcome, ""
    return "bad", outcome, found.message


def is_silent(source: Source, found: SourceHealth, at: datetime) -> bool:
    """A source that fails is polled less often: only one that went well is due on time."""
    due = timedelta(minutes=source.interval_minutes) * SILENT_AFTER_INTERVALS
    return at - found.last_at > (due if found.outcome in COVERING else max(due, timedelta(days=1)))


def stage_lines(watch: Watch, at: datetime, words: Words) -> tuple[StageLine, ...]:
    verdicts = judge(watch.stages, at, watch.stale_after)
    return tuple(_stage_line(verdict, at, words) for verdict in verdicts)


def _stage_line(verdict: Verdict, at: datetime, words: Words) -> StageLine:
    stage = verdict.health
    state, word = _stage_state(verdict)
    key = f"stage_{stage.stage}"
    last = ago(stage.ok_at, at, words) if stage.ok_at else words("never")
    return StageLine(
        name=words(key) if key in CATALOGUE else stage.stage,
        instance=stage.instance,
        state=state,
        word=words(f"stage_{word}"),
        detail=words("stage_detail", at=last, lag=stage.lag, restarts=stage.restarts),
        lags=lag_texts(stage.lags),
        problem=stage.problem or (verdict.finding if state == "bad" else stage.notice),
    )


def _stage_state(verdict: Verdict) -> tuple[State, str]:
    stage = verdict.health
    if not verdict.live:
        return "bad", "late"
    if stage.problem:
        return "bad", "trouble"
    if stage.ok_at is None:
        return "waiting", "starting"
    if verdict.finding:
        return "bad", "late"
    return "good", "standing_by" if stage.standing_by else "ok"


def lag_texts(lags: Sequence[Lag]) -> tuple[str, ...]:
    """`posts 0:12 1:0`: each stream with what waits in its partitions."""
    streams: dict[str, list[str]] = defaultdict(list)
    for lag in sorted(lags, key=lambda lag: (lag.stream, lag.partition)):
        streams[lag.stream].append(f"{lag.partition}:{lag.messages}")
    return tuple(f"{stream} {' '.join(parts)}" for stream, parts in streams.items())


def ago(then: datetime, at: datetime, words: Words) -> str:
    span = at - then
    if span < timedelta(minutes=-1):
        return words("ahead")
    return (
        words("ago", span=duration(span, words))
        if span >= timedelta(minutes=1)
        else words("just_now")
    )

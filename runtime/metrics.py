"""The numbers that operations watch, by names and labels that are fixed here and documented.

Labels are closed sets, stages, streams and partitions: never a source, matter, address or text.
"""

import shutil
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Literal, get_args

import prometheus_client
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from runtime.health import StageHealth, Verdict
from schemas.matters import DeliveryOutcome, EventKind
from schemas.posts import PollOutcome

# Classes of work that wait for the store: what is shown, asked by users, decided on, written.
QueryKind = Literal["page", "sql", "action", "windows", "recount", "insert"]

# What a post's first topic is, as far as it tells how well posts are read.
TopicKind = Literal["none", "education_other", "not_education", "other"]

STREAMS = ("posts", "engagement", "polls")
_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
_LATENCY = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600)

# Their moments of making would be a second series for each.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """One registry per process; see docs/operations.md for the table."""

    def __init__(self, data_dir: Path | None = None) -> None:
        """`data_dir`: whose disk is looked at."""
        self.registry = CollectorRegistry()
        self._stages = _Stages()
        for collector in (self._stages, _Disk(data_dir)):
            self.registry.register(collector)
        ProcessCollector(registry=self.registry)
        self._gauge("build_info", "1, with the version that runs", "version").labels(
            version("huisheng")
        ).set(1)
        self._work()
        self._reading()
        self._matters()
        self._begin()

    def _work(self) -> None:
        self.polls = self._counter("polls", "Polls of sources that were stored", "outcome")
        self.stored = self._counter("stored", "Messages stored by the analyzers", "stream")
        self.dead_letters = self._counter("dead_letters", "Messages set aside", "stream")
        self.batch_seconds = self._histogram("batch_seconds", "From read to committed", _FAST)
        self.seen_to_stored_seconds = self._histogram(
            "seen_to_stored_seconds", "From a post's first sight to its row in the store", _LATENCY
        )
        self.query_seconds = self._histogram(
            "query_seconds", "What waits for the store, by its kind", _FAST, "kind"
        )
        self.broken_parts = self._gauge(
            "store_broken_parts", "Parts of tables that the store has set aside as broken"
        )

    def _reading(self) -> None:
        self.posts_tagged = self._counter(
            "posts_tagged", "Posts stored, by what their first topic is", "topic"
        )
        self.topic_score = self._histogram(
            "topic_score", "How sure the model is of a post's first topic, 0 to 1", _SHARES
        )
        self._tagger = self._gauge(
            "tagger_info", "1, with the versions by which posts are tagged", "rules", "model"
        )
        self._versions = ("", "")
        self.rules_loaded = self._gauge(
            "rules_loaded_timestamp_seconds", "When the analyzer took up the rules it uses"
        )
        self.rules_reload_failures = self._counter(
            "rules_reload_failures", "Times that changed rules could not be taken up"
        )

    def _matters(self) -> None:
        self.events = self._counter("events", "Changes of matters", "kind")
        self.deliveries = self._counter("deliveries", "Tries to send a warning", "outcome")
        self.pending = self._gauge("deliveries_pending", "Warnings not yet sent or refused")
        self.terms = self._counter("leader_terms", "Times this process became the active alerter")
        self.open_matters = self._gauge("open_matters", "Open matters by tier, 1 to 4", "tier")
        self.coverage = self._gauge(
            "coverage", "Share of the last 24 h that polls cover, told by the active alerter"
        )

    def _begin(self) -> None:
        """At zero from the start: of a series that begins at one, Prometheus sees no increase."""
        for outcome in PollOutcome:
            self.polls.labels(outcome.value)
        for kind in get_args(TopicKind):
            self.posts_tagged.labels(kind)
        for stream in STREAMS:
            self.stored.labels(stream)
            self.dead_letters.labels(stream)
        for change in EventKind:
            self.events.labels(change.value)
        for sent in DeliveryOutcome:
            self.deliveries.labels(sent.value)

    def tagged_by(self, rules: str, model: str) -> None:
        """One series: the versions before are gone from here."""
        if (rules, model) != self._versions:
            self._tagger.clear()
            self._tagger.labels(rules or "none", model or "none").set(1)
            self._versions = (rules, model)

    def render(self, verdicts: Iterable[Verdict]) -> bytes:
        """The Prometheus text format, with the stages' health as it is now."""
        self._stages.verdicts = tuple(verdicts)
        return generate_latest(self.registry)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"huisheng_{name}", help_text, labels, registry=self.registry)

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(f"huisheng_{name}", help_text, labels, registry=self.registry)

    def _histogram(
        self, name: str, help_text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(
            f"huisheng_{name}", help_text, labels, buckets=buckets, registry=self.registry
        )


class _Stages(Collector):
    """Made anew at each look: a partition that was dealt elsewhere is gone from here."""

    def __init__(self) -> None:
        self.verdicts: tuple[Verdict, ...] = ()

    def collect(self) -> Iterator[Metric]:
        by_stage = ("stage",)
        live = _family("stage_live", "1 while the stage's loop goes round", by_stage)
        ready = _family("stage_ready", "1 while the stage does its work or stands by", by_stage)
        beat = _family("stage_beat_timestamp_seconds", "When its loop last went round", by_stage)
        good = _family("stage_ok_timestamp_seconds", "When it last went round well", by_stage)
        lag = _family("lag", "Messages not yet handled", ("stage", "stream", "partition"))
        leader = _family("leader", "1 in the process of the active alerter, else 0", ())
        restarts = CounterMetricFamily(
            "huisheng_restarts", "Restarts of a stage within the process", labels=by_stage
        )
        for verdict in self.verdicts:
            stage = verdict.health
            live.add_metric([stage.stage], verdict.live)
            ready.add_metric([stage.stage], not verdict.finding)
            restarts.add_metric([stage.stage], stage.restarts)
            if stage.beat_at:
                beat.add_metric([stage.stage], stage.beat_at.timestamp())
            if stage.ok_at:
                good.add_metric([stage.stage], stage.ok_at.timestamp())
            for part in stage.lags:
                lag.add_metric([stage.stage, part.stream, str(part.partition)], part.messages)
            if stage.stage == "alert":
                leader.add_metric([], _leads(stage))
        yield from (live, ready, beat, good, lag, leader, restarts)


class _Disk(Collector):
    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def collect(self) -> Iterator[Metric]:
        free = _family("data_free_bytes", "Free space where the data folder is", ())
        size = _family("data_size_bytes", "All space where the data folder is", ())
        if self.folder is not None and self.folder.exists():
            usage = shutil.disk_usage(self.folder)
            free.add_metric([], usage.free)
            size.add_metric([], usage.total)
        yield from (free, size)


def _family(name: str, help_text: str, labels: tuple[str, ...]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"huisheng_{name}", help_text, labels=labels)


def _leads(stage: StageHealth) -> bool:
    return stage.ok_at is not None and not stage.standing_by and not stage.stopped

"""The numbers that operations watch, by names and labels that are fixed here and documented."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from runtime.health import StageHealth


class Metrics:
    """One registry per process; see docs/operations.md for the table."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.polls = self._counter("polls", "Polls of sources", "outcome")
        self.stored = self._counter("stored", "Messages stored by the analyzers", "stream")
        self.dead_letters = self._counter("dead_letters", "Messages set aside", "stream")
        self.events = self._counter("events", "Changes of matters", "kind")
        self.deliveries = self._counter("deliveries", "Tries to send a warning", "outcome")
        self.open_matters = self._gauge("open_matters", "Open matters", "tier")
        self.coverage = self._gauge("coverage", "Share of the last 24 h that polls cover")
        self.lag = self._gauge("lag", "Messages not yet handled", "stage")
        self.restarts = self._gauge("restarts", "Restarts of a stage since the start", "stage")
        self.stage_ok = self._gauge("stage_ok_seconds", "When the stage last went well", "stage")

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"huisheng_{name}", help_text, labels, registry=self.registry)

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(f"huisheng_{name}", help_text, labels, registry=self.registry)

    def render(self, stages: Iterable[StageHealth]) -> bytes:
        """The Prometheus text format, with the stages' health as it is now."""
        for stage in stages:
            self.lag.labels(stage.stage).set(stage.lag)
            self.restarts.labels(stage.stage).set(stage.restarts)
            if stage.ok_at:
                self.stage_ok.labels(stage.stage).set(stage.ok_at.timestamp())
        return generate_latest(self.registry)

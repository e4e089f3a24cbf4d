"""The topics of our streams: made when they are missing and may be, looked at when they are there.

kafka_log and kafka_share ask for a stream's topic before its first use.
"""

from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Any

from bus.kafka_client import TOPIC_EXISTS, KafkaClients, KafkaSettings, topic_options
from bus.log import DEAD_LETTERS, LEADER, SOURCES
from runtime.errors import ConfigError
from runtime.logs import logger

lines = logger("kafka")

_HOUR_MS = 3_600_000
# Kafka drops whole segments: a text may live on for as long as its segment is filled.
_SEGMENT_HOURS = 6
# ... and until Kafka looks for old ones, each 5 minutes by default.
_SPARE_HOURS = 1


class KafkaTopics:
    """Thread-safe. Raises RetryLater while no broker answers."""

    def __init__(self, clients: KafkaClients, settings: KafkaSettings) -> None:
        self._clients, self._settings = clients, settings
        self._lock = Lock()
        self._partitions: dict[str, int] = {}

    def ensure(self, streams: Iterable[str]) -> None:
        """Raises ConfigError for a topic that is missing and may not be made, or can't serve."""
        with self._lock:
            unknown = [stream for stream in streams if stream not in self._partitions]
            if unknown:
                with self._clients.telling():
                    self._partitions.update(self._looked_at(unknown))

    def partitions(self, stream: str) -> int:
        self.ensure((stream,))
        return self._partitions[stream]

    def _looked_at(self, streams: Sequence[str]) -> dict[str, int]:
        topics = {self._settings.topic(stream): stream for stream in streams}
        admin = self._clients.admin()
        try:
            found = _counts(admin, topics)
            missing = [stream for topic, stream in topics.items() if topic not in found]
            if missing:
                self._make(admin, missing)
            if found:
                self._check(admin, {topics[topic]: count for topic, count in found.items()})
            counts = found if not missing else _counts(admin, topics)
        finally:
            admin.close()
        return {topics[topic]: count for topic, count in counts.items()}

    def _make(self, admin: Any, streams: Sequence[str]) -> None:
        settings = self._settings
        if not settings.create_topics:
            raise ConfigError(self._missing(streams))
        wanted = {
            settings.topic(stream): {
                "num_partitions": self._wanted_partitions(stream),
                "replication_factor": settings.replication or -1,
                "configs": wanted_options(settings, stream),
            }
            for stream in streams
        }
        try:
            admin.create_topics(wanted, timeout_ms=settings.timeout_ms)
        except TOPIC_EXISTS:
            lines.info("another process made some of the topics first", topics=sorted(wanted))
        admin.wait_for_topics(list(wanted), timeout_ms=settings.timeout_ms)

    def _missing(self, streams: Sequence[str]) -> str:
        settings = self._settings
        names = ", ".join(settings.topic(stream) for stream in streams)
        commands = "".join(f"\n  {self._command(stream)}" for stream in streams)
        return (
            f"Kafka at {', '.join(settings.brokers)} lacks the topics {names}, and "
            f"bus.create_topics is false; set it to true, or make them:{commands}"
        )

    def _command(self, stream: str) -> str:
        settings = self._settings
        replicas = (
            f" --replication-factor {settings.replication}" if settings.replication > 0 else ""
        )
        options = "".join(f" --config {k}={v}" for k, v in wanted_options(settings, stream).items())
        return (
            f"kafka-topics.sh --bootstrap-server {settings.brokers[0]} --create"
            f" --topic {settings.topic(stream)} --partitions {self._wanted_partitions(stream)}"
            f"{replicas}{options}"
        )

    def _wanted_partitions(self, stream: str) -> int:
        return 1 if stream == LEADER else self._settings.partitions

    def _check(self, admin: Any, counts: dict[str, int]) -> None:
        """A topic that is there keeps what it is set to; it is told where that differs."""
        settings = self._settings
        options = topic_options(admin, [settings.topic(stream) for stream in counts])
        for stream, count in counts.items():
            topic, wanted = settings.topic(stream), self._wanted_partitions(stream)
            if stream == LEADER and count != 1:
                message = f"topic {topic}: has {count} partitions; delete it, it needs exactly 1"
                raise ConfigError(message)
            if count < wanted:
                # A source keeps its partition for as long as the stream lives.
                more = "" if stream == SOURCES else "add partitions, or "
                remedy = f"{more}lower bus.partitions"
                lines.warning("fewer partitions", topic=topic, has=count, set=wanted, do=remedy)
            self._check_options(stream, options.get(topic, {}))

    def _check_options(self, stream: str, found: dict[str, str]) -> None:
        settings = self._settings
        topic, wanted = settings.topic(stream), wanted_options(settings, stream)
        policy = found.get("cleanup.policy", wanted["cleanup.policy"])
        if policy != wanted["cleanup.policy"]:
            told = f"cleanup.policy is {policy} and has to be {wanted['cleanup.policy']}"
            if stream != LEADER:
                lost = "what is known of each source" if stream == SOURCES else "what is not read"
                message = (
                    f"topic {topic}: {told}, or {lost} is lost; set it with "
                    f"kafka-configs.sh --bootstrap-server {settings.brokers[0]} --alter "
                    f"--entity-type topics --entity-name {topic} "
                    f"--add-config cleanup.policy={wanted['cleanup.policy']}"
                )
                raise ConfigError(message)
            lines.warning("other cleanup policy", topic=topic, found=told)
        longest = (settings.retention_days * 24) * _HOUR_MS
        kept = int(found.get("retention.ms", 0))
        if "retention.ms" in wanted and not 0 <= kept <= longest:
            told = f"retention.ms is {kept}, longer than data.retention_days; texts live on"
            lines.warning("kept for too long", topic=topic, found=told)
        elif 0 <= kept < int(wanted.get("retention.ms", 0)):
            told = f"retention.ms is {kept}, shorter than set; a longer outage loses messages"
            lines.warning("kept for too short", topic=topic, found=told)


def wanted_options(settings: KafkaSettings, stream: str) -> dict[str, str]:
    """Of a topic that is made. No text lives longer than `retention_days`."""
    compression = {"compression.type": settings.compression}
    if stream in (SOURCES, LEADER):
        # Small segments: what is read at each start is what was written since the last compaction.
        segment = {"segment.ms": str(_HOUR_MS), "min.cleanable.dirty.ratio": "0.1"}
        return {"cleanup.policy": "compact", **segment, **compression}
    longest = settings.retention_days * 24 - _SEGMENT_HOURS - _SPARE_HOURS
    hours = longest if stream == DEAD_LETTERS else min(settings.retention_hours, longest)
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(int(hours * _HOUR_MS)),
        "segment.ms": str(_SEGMENT_HOURS * _HOUR_MS),
        **compression,
    }


def _counts(admin: Any, topics: Iterable[str]) -> dict[str, int]:
    """How many partitions each of `topics` has that is there."""
    found = admin.describe_topics(None)
    return {t["name"]: len(t["partitions"]) for t in found if t["name"] in set(topics)}

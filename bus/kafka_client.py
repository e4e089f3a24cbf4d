"""The one file that imports kafka: settings in; clients that end in time, and our errors, out."""

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bus.kafka_probe import Door, tls_context, why_refused
from bus.log import Record
from runtime.clock import stopwatch
from runtime.config import BusSecurity, BusSettings
from runtime.errors import ConfigError, RetryLater
from runtime.settings import secret

with warnings.catch_warnings():
    # kafka-python 3.0 reads its schemas by a call that Python 3.11 deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition, errors
    from kafka.admin import ConfigResource
    from kafka.consumer.subscription_state import ConsumerRebalanceListener
    from kafka.coordinator.base import MemberState
    from kafka.net.compat import KafkaNetClient
    from kafka.net.sasl import get_sasl_mechanism
    from kafka.structs import OffsetAndMetadata

# While a broker is away it logs ten errors a second. Each failure of ours reaches the caller as an
# exception, and is told once by the stage that waits.
logging.getLogger("kafka").setLevel(logging.CRITICAL)

GRACE_SECONDS = 2.0
# A process that is told to stop has ten seconds for everything.
_LEAVE_MS = 2_000
_METADATA_MS = 5_000
_JOIN_SECONDS = 3.0
_JOIN_POLL_MS = 500
_ASKED_MS = 600_000
_TRANSACTION_MS = 15_000

REBALANCE = (
    errors.CommitFailedError,
    errors.RebalanceInProgressError,
    errors.IllegalGenerationError,
    errors.UnknownMemberIdError,
)
FENCED = errors.ProducerFencedError
TOPIC_EXISTS = errors.TopicAlreadyExistsError
_USERS_FAULT = (
    errors.KafkaConfigurationError,
    errors.InvalidTopicError,
    errors.AuthorizationError,
)


@dataclass(frozen=True)
class KafkaSettings:
    """What stands under [bus].

    `timeout_seconds` bounds each wait for a broker; a member that is silent for `session_seconds`
    counts as dead.
    """

    brokers: tuple[str, ...]
    prefix: str = "huisheng."
    partitions: int = 4
    timeout_seconds: float = 10.0
    session_seconds: float = 10.0
    create_topics: bool = True
    replication: int = -1
    retention_hours: float = 168
    retention_days: int = 90
    compression: str = "zstd"
    security: BusSecurity = field(default_factory=BusSecurity)
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, bus: BusSettings, retention_days: int) -> "KafkaSettings":
        """Reads the password; raises ConfigError for what can't be used."""
        security = bus.security
        return cls(
            brokers=bus.brokers,
            prefix=bus.prefix,
            partitions=bus.partitions,
            create_topics=bus.create_topics,
            replication=bus.replication,
            retention_hours=bus.retention_hours,
            retention_days=retention_days,
            compression=bus.compression,
            security=security,
            password=secret("bus.security.password", security.password, security.password_file),
        )

    @property
    def timeout_ms(self) -> int:
        return int(self.timeout_seconds * 1000)

    def topic(self, stream: str) -> str:
        return self.prefix + stream

    def check(self) -> None:
        """Raises ConfigError for what no broker could make up for."""
        if not self.brokers:
            message = 'bus.brokers is empty; name a Kafka broker, like ["kafka:9092"]'
            raise ConfigError(message)
        if "SASL" in self.security.protocol and not (self.security.user and self.password):
            missing = "password" if self.security.user else "user"
            message = (
                f"bus.security.{missing} is empty, and {self.security.protocol} needs it; set it "
                f"in the environment as HUISHENG_BUS__SECURITY__{missing.upper()}"
            )
            raise ConfigError(message)
        self._check_unused()
        tls_context(self.security)

    def _check_unused(self) -> None:
        """Who sets these expects a closed line or a login, and would get neither."""
        security = self.security
        login = {"user": security.user, "password": self.password}
        files = {"ca_file": security.ca_file, "cert_file": security.cert_file}
        for name, value in login.items() if "SASL" not in security.protocol else ():
            if value:
                raise ConfigError(self._unused(name, "SASL_SSL"))
        for name, file in files.items() if "SSL" not in security.protocol else ():
            if file:
                raise ConfigError(self._unused(name, "SSL or SASL_SSL"))

    def _unused(self, name: str, remedy: str) -> str:
        return (
            f"bus.security.{name} is set, and bus.security.protocol {self.security.protocol} makes "
            f"no use of it; set the protocol to {remedy}, or take {name} out"
        )


class KafkaClients:
    """Makes clients of every kind; each is closed by who asked for it."""

    def __init__(self, settings: KafkaSettings) -> None:
        settings.check()
        self._settings = settings

    def admin(self) -> Any:
        return self._connect(KafkaAdminClient)

    def producer(self, transactional_id: str | None = None) -> Any:
        wait = self._settings.timeout_ms
        return self._connect(
            KafkaProducer,
            acks="all",
            enable_idempotence=True,
            compression_type=self._settings.compression,
            allow_auto_create_topics=False,
            max_block_ms=wait,
            delivery_timeout_ms=wait,
            transactional_id=transactional_id,
            transaction_timeout_ms=_TRANSACTION_MS,
        )

    def consumer(self, group: str | None) -> Any:
        """Of a group, or one that is told what to read."""
        session = int(self._settings.session_seconds * 1000)
        joined = {"session_timeout_ms": session, "heartbeat_interval_ms": session // 4}
        return self._connect(
            KafkaConsumer,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            allow_auto_create_topics=False,
            max_poll_interval_ms=_ASKED_MS,
            # A stream made a moment ago may be unknown at first: look again soon.
            metadata_max_age_ms=_METADATA_MS,
            **(joined if group else {}),
        )

    @contextmanager
    def telling(self) -> Iterator[None]:
        """The library's errors as ours: in words that stay the same while the reason does."""
        where = f"Kafka at {', '.join(self._settings.brokers)}"
        try:
            yield
        except _USERS_FAULT as error:
            message = f"{where}: {error}; check bus.brokers, bus.prefix and this user's rights"
            raise ConfigError(message) from error
        except errors.BrokerResponseError as error:
            self._raise_if_refused()
            found = f"{type(error).__name__} ({error.description})"
            message = f"{where} answers {found}; it is tried again, look into the broker's log"
            raise RetryLater(message) from error
        except errors.KafkaError as error:
            self._raise_if_refused()
            by = self._settings.security.protocol
            message = f"{where} does not answer; check that a broker runs and is reached by {by}"
            raise RetryLater(message) from error

    def _connect(self, make: Callable[..., Any], **options: Any) -> Any:
        """One that can't connect would leave a thread behind: closed here."""
        opened: list[Any] = []

        def open_client(**config: Any) -> Any:
            opened.append(KafkaNetClient(**config))
            return opened[-1]

        settings = self._settings
        try:
            return make(
                bootstrap_servers=list(settings.brokers),
                bootstrap_timeout_ms=settings.timeout_ms,
                request_timeout_ms=settings.timeout_ms,
                # Its default grows to 30 s: a worker would sleep on long after the broker is back.
                reconnect_backoff_max_ms=1000,
                kafka_client=open_client,
                **self._entrance,
                **options,
            )
        except errors.KafkaError:
            for client in opened:
                client.close()
            raise

    def _raise_if_refused(self) -> None:
        """The library tells a wrong password, or a false certificate, as a broker that is away."""
        security = self._settings.security
        for broker in self._settings.brokers:
            mechanism = None
            if "SASL" in security.protocol:
                mechanism = get_sasl_mechanism(security.mechanism)(host=broker, **self._entrance)
            door = Door(broker, security, self._entrance["ssl_context"], mechanism)
            reason = why_refused(door)
            if reason:
                message = f"Kafka at {broker} does not let us in: {reason}"
                raise ConfigError(message)

    @cached_property
    def _entrance(self) -> dict[str, Any]:
        security = self._settings.security
        options: dict[str, Any] = {
            "security_protocol": security.protocol,
            "ssl_context": tls_context(security),
        }
        if "SASL" in security.protocol:
            options |= {
                "sasl_mechanism": security.mechanism,
                "sasl_plain_username": security.user,
                "sasl_plain_password": self._settings.password,
            }
        return options


class Seat(ConsumerRebalanceListener):  # type: ignore[misc]
    """A member's place in its group: which partitions it holds, and since when without a gap.

    The library calls it in the course of the member's own polls.
    """

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self.membership: Any = None
        self.held: frozenset[int] = frozenset()
        self.dealt: frozenset[int] = frozenset()

    def on_partitions_revoked(self, revoked: Any) -> None:
        """Only a question so far: what is dealt next decides."""

    def on_partitions_assigned(self, assigned: Any) -> None:
        # Membership is all that is wanted: nothing is fetched.
        for each in assigned:
            self._consumer.seek(each, 0)
        self._consumer.pause(*assigned)
        before, self.membership = self.membership, self._consumer.group_metadata()
        self.dealt = frozenset(each.partition for each in assigned)
        self.held = self.held & self.dealt if _followed(before, self.membership) else frozenset()

    @property
    def stable(self) -> bool:
        """Whether the member knows of nothing newer than what it was dealt last."""
        now = self._consumer.group_metadata()
        return (
            self.membership is not None
            and now.state is MemberState.STABLE
            and _same(now, self.membership)
        )


def _same(one: Any, other: Any) -> bool:
    return bool(one.generation_id == other.generation_id and one.member_id == other.member_id)


def _followed(before: Any, after: Any) -> bool:
    """With another generation in between, another member may have held what this one had."""
    return (
        before is not None
        and after.member_id == before.member_id
        and after.generation_id <= before.generation_id + 1
    )


def poll(consumer: Any, seconds: float, max_records: int | None = None) -> Any:
    """What came, by partition; in the course of it the member takes part in its group.

    While it joins, it waits for longer: the library forgets the group's answer if it comes between
    two polls, and after a change of partitions also that it is joining (in Java: KAFKA-9815).
    """
    found = consumer.poll(timeout_ms=int(seconds * 1000), max_records=max_records)
    patience = stopwatch() + _JOIN_SECONDS
    while not found and _joining(consumer) and stopwatch() < patience:
        consumer._coordinator.request_rejoin()
        found = consumer.poll(timeout_ms=_JOIN_POLL_MS, max_records=max_records)
    return found


def _joining(consumer: Any) -> bool:
    return bool(consumer.group_metadata().state is MemberState.REBALANCING)


def record(stream: str, found: Any) -> Record:
    key = (found.key or b"").decode("utf-8", "replace")
    return Record(stream, found.partition, found.offset, key, found.value or b"")


def place(topic: str, partition: int) -> Any:
    return TopicPartition(topic, partition)


def after(offset: int) -> Any:
    return OffsetAndMetadata(offset, "", -1)


def topic_options(admin: Any, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    """What is set for each topic, the broker's defaults included."""
    asked = [ConfigResource("topic", topic) for topic in topics]
    found = admin.describe_configs(asked, config_filter="all")
    return {
        topic: {name: option["value"] for name, option in options.items()}
        for topic, options in found.get("topic", {}).items()
    }


def begin(producer: Any, membership: Any, mark: Any, seconds: float) -> None:
    """Opens a transaction, if `membership` is still what the group knows of its member."""
    producer.begin_transaction()
    manager = producer._transaction_manager
    _end(producer, manager.send_offsets_to_transaction({mark: after(0)}, membership), seconds)


def commit(producer: Any, seconds: float) -> None:
    _end(producer, producer._transaction_manager.begin_commit(), seconds)


def _end(producer: Any, step: Any, seconds: float) -> None:
    """The library's own methods for these steps wait without end while a broker is away."""
    producer._sender.wakeup()
    if not step.wait(timeout_ms=seconds * 1000):
        message = "a step of a transaction took too long"
        raise errors.KafkaTimeoutError(message)


def close_consumer(consumer: Any) -> None:
    """Leaves its group, if a broker is there to be told."""
    consumer.close(autocommit=False, timeout_ms=_LEAVE_MS)


def close_producer(producer: Any, seconds: float) -> None:
    """What it still holds ends before this returns, or fails."""
    with suppress(errors.KafkaTimeoutError):
        producer.close(timeout=seconds + GRACE_SECONDS)

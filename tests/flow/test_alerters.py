"""Two alerters on a real Kafka and ClickHouse: the active one is paused for too long, then killed.

Posts go straight into the store; the receiver of the warnings is a real server.
"""

import json
import os
import signal
import subprocess
import sys
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path

import pytest

from runtime.clock import ScaledClock
from storage.migrate import migrate
from storage.posts import insert_posts
from storage.store import Store
from tests.alerting.test_notifiers import Receiver
from tests.engines.clickhouse_server import ClickHouseServer
from tests.engines.kafka_server import KafkaServer
from tests.engines.process import free_port, wait_until
from tests.flow.running import ROOT
from tests.made import raw_post, tagged

SPEED = 20
PATIENCE_SECONDS = 45
EVENTS = "SELECT concat(matter_id, '.', toString(sequence)), unit FROM matter_events"
DECIDED = "SELECT at FROM marks FINAL WHERE name = 'decided'"
PENDING = (
    "SELECT count() FROM matter_events WHERE concat(matter_id, '.', toString(sequence)) "
    "NOT IN (SELECT event_id FROM deliveries WHERE outcome = 'sent')"
)


class Alerter:
    """One process; what it tells of itself at its port."""

    def __init__(self, name: str, folder: Path, start: str) -> None:
        self.log = folder / f"{name}.log"
        self.port = free_port()
        self._command = [
            sys.executable,
            "-m",
            "tests.flow.alerting",
            str(folder),
            str(SPEED),
            start,
        ]
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HUISHENG_DATA__DIR": str(folder / name),
            "HUISHENG_HEALTH__PORT": str(self.port),
        }
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as out:
            return subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=out, stderr=out
            )

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        self.kill()
        self.process = self._start()

    def health(self) -> dict[str, object]:
        """Nothing while it does not answer."""
        try:
            address = f"http://127.0.0.1:{self.port}/health.json"
            with urllib.request.urlopen(address, timeout=2) as reply:
                (stage,) = json.load(reply)
        except (OSError, HTTPException, ValueError):
            return {}
        return dict(stage)

    def leads(self) -> bool:
        told = self.health()
        return bool(told.get("ok_at")) and not told["standing_by"] and not told["problem"]

    def problem(self) -> str:
        return str(self.health().get("problem"))

    def stands_by(self) -> bool:
        told = self.health()
        return bool(told.get("standing_by")) and not told["problem"]


class Town:
    def __init__(self, folder: Path, store: Store, receiver: Receiver, brokers: str) -> None:
        now = datetime.now(UTC)
        self.store, self.receiver = store, receiver
        self.clock = ScaledClock(now, now, float(SPEED))
        settings = (
            f'[bus]\nkind = "kafka"\nbrokers = ["{brokers}"]\nprefix = "{uuid.uuid4().hex}."\n'
            f'[store]\ndsn = "{store.dsn}"\n'
            f'[[notify.webhook]]\nname = "office"\nurl = "{receiver.url}"\n'
        )
        (folder / "huisheng.toml").write_text(settings, "utf-8")
        self.alerters = [Alerter(name, folder, now.isoformat()) for name in ("a", "b")]

    def danger(self, unit: str) -> None:
        post = raw_post(uuid.uuid4().hex, self.clock.now())
        insert_posts(self.store, [tagged(post, units=(unit,), danger=True)])

    def told(self) -> Counter[str]:
        return Counter(headers["Idempotency-Key"] for headers, _ in self.receiver.requests)

    def is_told(self, unit: str) -> bool:
        return any(
            found == unit and event in self.told() for event, found in self.store.rows(EVENTS)
        )

    def wait(self, what: str, ready: Callable[[], bool]) -> None:
        try:
            wait_until(ready, what, PATIENCE_SECONDS)
        except TimeoutError as error:
            logs = "\n".join(alerter.log.read_text("utf-8")[-3000:] for alerter in self.alerters)
            pytest.fail(f"{error}\n{logs}")

    def dealt(self) -> tuple[Alerter, Alerter]:
        """The active one and the other, once each knows what it is."""
        one, other = self.alerters
        self.wait(
            "one leads, the other stands by",
            lambda: (one.leads() and other.stands_by()) or (other.leads() and one.stands_by()),
        )
        return (one, other) if one.leads() else (other, one)


@pytest.fixture
def town(
    kafka_server: KafkaServer, clickhouse_server: ClickHouseServer, tmp_path: Path
) -> Iterator[Town]:
    with ExitStack() as stack:
        store = stack.enter_context(database(clickhouse_server))
        receiver = Receiver()
        stack.callback(receiver.close)
        found = Town(tmp_path, store, receiver, kafka_server.brokers[0])
        for alerter in found.alerters:
            stack.callback(alerter.kill)
        yield found


@contextmanager
def database(server: ClickHouseServer) -> Iterator[Store]:
    name = f"test_{uuid.uuid4().hex}"
    outside = Store(server.url)
    outside.command("CREATE DATABASE {name:Identifier}", {"name": name})
    outside.close()
    store = Store(f"{server.url}/{name}")
    try:
        migrate(store)
        yield store
    finally:
        store.close()


@pytest.mark.timeout(240)
def test_a_paused_and_a_killed_leader_leave_one_event_a_change_each_told_with_one_id(
    town: Town,
) -> None:
    active, other = town.dealt()
    town.danger("一小")
    town.wait("the first is told", lambda: town.is_told("一小"))

    active.send(signal.SIGSTOP)
    town.danger("二小")
    town.wait("the other takes over", lambda: town.is_told("二小"))
    town.danger("三小")
    active.send(signal.SIGCONT)
    town.wait("one goes on", lambda: town.is_told("三小"))

    active, other = town.dealt()
    town.danger("四小")
    active.kill()
    town.wait("the one that is left goes on", lambda: other.leads() and town.is_told("四小"))
    active.restart()
    town.dealt()
    town.danger("五小")
    town.wait("one of both goes on", lambda: town.is_told("五小"))
    settled(town, 5)


@pytest.mark.timeout(240)
def test_without_kafka_nobody_leads_and_what_holds_after_it_is_told_once(
    town: Town, kafka_server: KafkaServer
) -> None:
    town.dealt()
    kafka_server.kill()
    try:
        town.wait("both say so", lambda: all("Kafka" in a.problem() for a in town.alerters))
        town.danger("一小")
        minutes = town.store.rows(DECIDED)
        at = town.clock.now()
        town.wait("a minute goes by", lambda: town.clock.now() > at + timedelta(minutes=1))
        assert town.store.rows(DECIDED) == minutes
    finally:
        kafka_server.start()
    town.wait("one goes on", lambda: town.is_told("一小"))
    settled(town, 1)


def settled(town: Town, events: int) -> None:
    """Both end at once when asked, and every event was written once and told under its one id."""
    town.wait("nothing is pending", lambda: town.store.rows(PENDING) == [(0,)])
    for alerter in town.alerters:
        alerter.send(signal.SIGTERM)
        assert alerter.process.wait(20) == 0
    written = Counter(row[0] for row in town.store.rows(EVENTS))
    assert len(written) == events
    assert set(written.values()) == {1}
    assert set(town.told()) == set(written)

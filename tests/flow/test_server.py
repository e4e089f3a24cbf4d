"""Server mode as processes: two of each stage and a page, on a real Kafka and ClickHouse."""

import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runtime.clock import stopwatch
from tests.engines.clickhouse_server import running_clickhouse
from tests.engines.downloads import EngineMissing
from tests.engines.kafka_server import KafkaServer
from tests.engines.process import free_port
from tests.kill import stored
from tests.kill.fleet import STOP_SECONDS, Fleet, StageProcess
from tests.kill.places import Addresses, go_without, made, write_config
from tests.kill.posts import MadePost, Stream
from tests.kill.sites import Sites
from tests.kill.stored import Database

UNIT = "青禾区柳湾小学"
USER, PASSWORD = "huisheng", "kao-shan-chi-shan"
MEMBERS = {"collector": 2, "analyzer": 2, "alerter": 2, "dashboard": 1}
# A post is told of in the minute after it was seen, and that round comes within 15 s of it.
PATIENCE_SECONDS = 150.0
STORED = "SELECT count() FROM posts"
pytestmark = [pytest.mark.clickhouse, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Installation:
    fleet: Fleet
    sites: Sites
    database: Database
    page: int
    ports: dict[str, int]

    def get(self, port: int, path: str) -> str:
        """Empty while nothing answers, or the answer is no 200."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
                text: str = reply.read().decode()
        except OSError:
            return ""
        return text

    def ready(self) -> bool:
        return all(self.get(port, "/readyz") for port in self.ports.values())

    def logs(self) -> str:
        return "".join(stage.log.read_text("utf-8") for stage in self.fleet.stages.values())

    def waits(self, what: str, ready: bool) -> None:
        assert ready, f"not so in time: {what}\n" + self.logs()[-6000:]


def test_a_danger_in_a_feed_is_one_event_one_delivery_and_a_card(
    tmp_path: Path, kafka_server: KafkaServer
) -> None:
    with installation(tmp_path, kafka_server) as found:
        fleet, database = found.fleet, found.database
        fleet.start()
        found.waits("all stages are ready", fleet.until(found.ready, PATIENCE_SECONDS))
        told = fleet.until(lambda: bool(found.sites.event_ids()), PATIENCE_SECONDS)
        found.waits("a warning is received", told)
        assert command_lines_with(PASSWORD) == []
        posts = len(found.sites.stream.posts)
        all_in = fleet.until(lambda: database.number(STORED) >= posts, PATIENCE_SECONDS)
        found.waits("all posts are stored", all_in)
        (event,) = database.rows(stored.EVENTS)
        assert (event[2], event[3], event[4], event[5]) == ("food_safety", UNIT, "opened", 4)
        assert found.sites.received == {f"{event[0]}.1": 1}
        assert UNIT in found.get(found.page, "/")
        began = stopwatch()
        assert set(fleet.stop().values()) == {0}, found.logs()[-6000:]
        assert stopwatch() - began < STOP_SECONDS
        assert database.number(STORED) == posts, "no post is stored a second time"
        assert PASSWORD not in found.logs()
        assert [stage.own_ends for stage in fleet.stages.values()] == [[]] * len(fleet.stages)


@contextmanager
def installation(folder: Path, kafka: KafkaServer) -> Iterator[Installation]:
    with ExitStack() as stack:
        try:
            place, login = made(folder / "clickhouse"), (USER, PASSWORD)
            clickhouse = stack.enter_context(running_clickhouse(place, login))
        except EngineMissing as error:
            go_without(error)
        database = Database(clickhouse.url, "duty", USER, PASSWORD)
        database.create()
        sites = Sites(Stream(town()))
        stack.callback(sites.close)
        dsn = f"{clickhouse.url}/{database.name}"
        write_config(folder, sites, Addresses(kafka.brokers, dsn, "server-flow."))
        page, names = free_port(), [f"{k}{n}" for k, count in MEMBERS.items() for n in range(count)]
        ports = {name: free_port() for name in names}
        common = {
            "HUISHENG_STORE__USER": USER,
            "HUISHENG_STORE__PASSWORD": PASSWORD,
            "HUISHENG_PAGE__PORT": str(page),
        }
        stages = {
            name: StageProcess(name, folder, {**common, "HUISHENG_HEALTH__PORT": str(ports[name])})
            for name in names
        }
        fleet = Fleet(stages, {})
        stack.callback(fleet.close)
        yield Installation(fleet, sites, database, page, ports)


def town() -> list[MadePost]:
    """Four boards of chatter, and on one of them the post that must be told of."""
    now = datetime.now(UTC)
    posts = [
        MadePost(f"s{number % 4}", f"p{number}", "", f"第{number}天，柳树发芽了", now, 0)
        for number in range(40)
    ]
    danger = "刚才食堂吃完饭十几个学生呕吐，送医院洗胃了"
    return [*posts, MadePost("s1", "danger", UNIT, danger, now - timedelta(minutes=5), 0)]


def command_lines_with(word: str) -> list[str]:
    """The arguments of all processes of this machine that hold `word`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if word in line:
            found.append(line)
    return found

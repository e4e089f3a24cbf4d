"""docker-compose.yml brought up for real: a feed goes in, a warning comes out, a service dies.

The engines in it are real; where no registry can be reached, their images are stand-ins.
Run by `make test-compose`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.compose.images import ENVIRONMENT, make_images, podman
from tests.engines.clickhouse_server import clickhouse_library
from tests.engines.kafka_server import kafka_libs
from tests.engines.process import free_port, wait_until
from tests.test_house_rules import project_files

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1500)]

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
STAGES = ("collector", "analyzer", "alerter", "dashboard")
UP_SECONDS = 240
SETTINGS = """
[fetch]
allow_private = true
[[notify.webhook]]
name = "group"
url = "http://outside:8080/hook"
"""
SOURCE = """
[[source]]
id = "bbs"
name = "家长论坛"
kind = "forum"
url = "http://outside:8080/feed.xml"
interval_minutes = 1
"""
UNIT = '[[unit]]\nname = "青禾区第一小学"\naliases = ["青禾一小"]\n'
SICK = "青禾一小食堂吃完饭好几个孩子呕吐腹泻，送医院洗胃，疑似食物中毒"
FIRE = "青禾一小宿舍着火了，消防车来了，有孩子被烧伤送医院"


class Services:
    """The services of one project, in a copy of what the repository tracks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = f"huisheng-test-{os.getpid()}"
        self.page, self.outside = free_port(), free_port()
        self.environment = {
            **ENVIRONMENT,
            "CLICKHOUSE_PASSWORD": os.urandom(12).hex(),
            "HUISHENG_PORT": str(self.page),
            "OUTSIDE_PORT": str(self.outside),
        }

    def compose(self, *arguments: str, seconds: float = 900) -> str:
        files = ["-f", "docker-compose.yml", "-f", "outside.yml"]
        build = "--podman-build-args=--isolation=chroot --network=host"
        command = [_podman_compose(), "-p", self.project, *files, build, *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    def container(self, service: str) -> str:
        label = f"label=com.docker.compose.service={service}"
        project = f"label=com.docker.compose.project={self.project}"
        found = podman("ps", "-aq", "--filter", label, "--filter", project)
        assert found.stdout.split(), f"no container for {service}: {found.stderr}"
        return found.stdout.split()[0]

    def healthy(self, service: str) -> bool:
        return podman("healthcheck", "run", self.container(service)).returncode == 0

    def pid(self, service: str) -> int:
        """0 while the container does not run."""
        found = podman("inspect", "--format", "{{.State.Pid}}", self.container(service))
        return int(found.stdout.strip() or 0)

    def logs(self) -> str:
        tails = (podman("logs", "--tail", "15", self.container(name)) for name in STAGES)
        return "\n".join(tail.stdout + tail.stderr for tail in tails)

    def get(self, port: int, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            body: str = answer.read().decode()
        return body

    def show(self, *titles: str) -> None:
        """What the feed lists from now on, newest first."""
        items = "".join(
            f"<item><title>{title}</title><link>http://bbs.example/{number}</link>"
            f"<guid isPermaLink='false'>{number}</guid>"
            f"<pubDate>{format_datetime(datetime.now(UTC))}</pubDate></item>"
            for number, title in zip(reversed(range(len(titles))), titles, strict=True)
        )
        head = '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>'
        body = f"{head}<title>论坛</title>{items}</channel></rss>".encode()
        address = f"http://127.0.0.1:{self.outside}/feed.xml"
        request = urllib.request.Request(address, body, method="PUT")
        urllib.request.urlopen(request, timeout=10).close()

    def warned(self) -> list[str]:
        """The event ids that the group's webhook got."""
        received = json.loads(self.get(self.outside, "/received"))
        return [json.loads(body)["event_id"] for body in received]


def _podman_compose() -> str:
    beside = Path(sys.executable).with_name("podman-compose")
    found = shutil.which("podman-compose") or (str(beside) if beside.exists() else None)
    assert found, "podman-compose is missing; `make test-compose` installs it"
    return found


def _copy_tracked(folder: Path) -> None:
    for name in project_files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    make_images(kafka_libs(), clickhouse_library())
    folder = tmp_path_factory.mktemp("compose")
    _copy_tracked(folder)
    config = folder / "config"
    config.mkdir()
    (config / "huisheng.toml").write_text(SETTINGS, "utf-8")
    (config / "sources.toml").write_text(SOURCE, "utf-8")
    (config / "units.toml").write_text(UNIT, "utf-8")
    for name in ("outside.yml", "outside.py"):
        shutil.copy(HERE / name, folder)
    found = Services(folder)
    try:
        found.compose("build", "dashboard")
        found.compose("up", "-d")
        yield found
    finally:
        found.compose("down", "-v", "-t", "12")


def answers(services: Services, port: int, path: str) -> bool:
    try:
        services.get(port, path)
    except (OSError, urllib.error.HTTPError):
        return False
    return True


def test_a_feed_goes_in_a_warning_comes_out_and_a_killed_service_comes_back(
    services: Services,
) -> None:
    wait_until(lambda: answers(services, services.outside, "/received"), "outside", UP_SECONDS)
    services.show(SICK)
    try:
        wait_until(lambda: answers(services, services.page, "/readyz"), "the page", UP_SECONDS)
        wait_until(lambda: bool(services.warned()), "the first warning", UP_SECONDS)
        for name in (*STAGES, "kafka", "clickhouse"):
            wait_until(lambda name=name: services.healthy(name), f"{name} healthy", 60)  # type: ignore[misc]
        killed = services.pid("analyzer")
        os.kill(killed, signal.SIGKILL)
        services.show(FIRE, SICK)
        wait_until(lambda: services.pid("analyzer") not in (0, killed), "analyzer back", 60)
        wait_until(lambda: "着火" in services.get(services.page, "/"), "the later post", UP_SECONDS)
    except TimeoutError as error:
        pytest.fail(f"{error}\n{services.logs()}")
    page = services.get(services.page, "/")
    assert "青禾区第一小学" in page
    assert len(services.warned()) == len(set(services.warned()))

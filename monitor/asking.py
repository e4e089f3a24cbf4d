"""What asks from outside: `sql`, `status`, `act`, `migrate`. A running process answers itself."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request

import msgspec
from rich.console import Console

from dashboard.actions import ActionRefused, ActionRequest, record
from dashboard.facts import PageParts
from dashboard.status import Status, status
from monitor.peers import DIRECT, ask_stages
from monitor.processes import demo_config
from monitor.report import print_stages, print_status, wide_console
from monitor.runfile import DataFolder, RunFile, running, url_of
from monitor.wiring import channel_names, connect_store, open_store
from runtime.clock import SystemClock
from runtime.config import Config
from runtime.errors import ConfigError, RetryLater
from runtime.health import STALE_SECONDS, HealthBoard, judge
from runtime.metrics import Metrics
from runtime.settings import SHIPPED
from storage.migrate import migrate
from storage.parts import broken_parts
from storage.readonly import SqlRefused, check_select
from storage.store import Store, StoreError

TIMEOUT_SECONDS = 30
FORMATS = {
    "table": "PrettyCompactNoEscapes",
    "csv": "CSVWithNames",
    "tsv": "TSVWithNames",
    "json": "JSON",
    "jsonl": "JSONEachRow",
}


def ask_sql(config: Config, statement: str, form: str) -> bytes:
    """The answer in one of FORMATS; raises ConfigError with finding and remedy."""
    if form not in FORMATS:
        message = f"--format: {form!r} is unknown; use one of {', '.join(FORMATS)}"
        raise ConfigError(message)
    try:
        checked = check_select(statement)
        folder, run = place_of(config)
        if run:
            body = msgspec.json.encode({"sql": checked, "format": FORMATS[form]})
            return ask_running(run, "/sql", body)
        with opened_store(config, folder) as store:
            return store.ask(checked, FORMATS[form])
    except SqlRefused as error:
        message = f"sql: {error}"
        raise ConfigError(message) from error
    except StoreError as error:
        message = f"sql: {error}; mend the statement (tables: docs/columns.md)"
        raise ConfigError(message) from error


def show_status(config: Config) -> int:
    """Print how the running process does; 1 when it has a problem or none runs."""
    folder, run = place_of(config)
    if run is None:
        return _show_stored(config, folder)
    answer = msgspec.json.decode(ask_running(run, "/status.json", None), type=Status)
    return print_status(answer, f"进程 process {run.pid}   {url_of(run.host, run.port)}")


def _show_stored(config: Config, folder: Path) -> int:
    """What the store tells when nothing runs on the folder, or the stages run elsewhere."""
    served = config.settings.store_dsn.startswith("http")
    if not served:
        Console().print(f"没有在运行 / not running（{folder}）；启动 start: make run")
    if not served and not (config.settings.data.dir / "store").is_dir():
        return 1
    clock, stale = SystemClock(), timedelta(seconds=STALE_SECONDS)
    stages = ask_stages(config.settings.health.stages)
    try:
        with opened_store(config, config.settings.data.dir) as store:
            parts = PageParts(
                *(store, config, clock, HealthBoard(clock), Metrics()),
                token="",
                stale_after=stale,
                peers=lambda: stages,
                channels=channel_names(config.settings),
            )
            code = print_status(status(parts), store.place)
    except RetryLater as error:
        console = wide_console()
        print_stages(console, judge(stages, clock.now(), stale))
        console.print(f"数据库 store: {error}", markup=False)
        return 1
    return code if served else 1


def act(config: Config, request: ActionRequest) -> None:
    """Write an operator's action; raises ConfigError with what is wrong with it."""
    folder, run = place_of(config)
    if run:
        ask_running(run, "/act", msgspec.json.encode(request))
        return
    try:
        with opened_store(config, folder) as store:
            record(store, SystemClock(), request)
    except ActionRefused as error:
        message = f"act: {error}"
        raise ConfigError(message) from error


def migrate_store(config: Config) -> list[str]:
    """The migrations applied now; raises ConfigError while a process runs on the folder."""
    settings = config.settings
    with ExitStack() as stack:
        if not settings.store_dsn.startswith("http"):
            stack.callback(DataFolder(settings.data.dir).close)
        store = connect_store(settings)
        stack.callback(store.close)
        applied = migrate(store)
        for part in broken_parts(store):
            sys.stderr.write(f"{store.place}: {part}\n")
        return applied


@contextmanager
def refusals_told() -> Iterator[None]:
    """What the store or the disk refuses, as ConfigError."""
    try:
        yield
    except StoreError as error:
        message = (
            f"store: {error}; see store.cluster, the disk, the rights of the store's user, and "
            "its log"
        )
        raise ConfigError(message) from error
    except (OSError, sqlite3.Error) as error:
        message = f"{error}; see that the files can be read and written, and the free space"
        raise ConfigError(message) from error


def place_of(config: Config) -> tuple[Path, RunFile | None]:
    """The data folder that is meant, and who runs on it: the user's own, else the sample town's."""
    folder = config.settings.data.dir
    if config.settings.store_dsn.startswith("http"):
        return folder, None
    run = running(folder)
    if run:
        return folder, run
    town = demo_config().settings.data.dir
    run = running(town)
    if run:
        sys.stderr.write(f"答复来自示例镇 / the sample town answers ({town})\n")
        return town, run
    own = config.directory != SHIPPED or (folder / "store").is_dir()
    return (folder if own else town), None


def config_of(config: Config, folder: Path) -> Config:
    """The configuration of what is stored in `folder`: the sample town has one of its own."""
    return config if folder == config.settings.data.dir else demo_config()


def ask_running(run: RunFile, path: str, body: bytes | None) -> bytes:
    request = Request(f"{url_of(run.host, run.port)}{path}", body)
    request.add_header("Authorization", f"Bearer {run.token}")
    request.add_header("Content-Type", "application/json")
    try:
        with DIRECT.open(request, timeout=TIMEOUT_SECONDS) as reply:
            answer: bytes = reply.read()
    except HTTPError as error:
        raise ConfigError(error.read().decode("utf-8", "replace").strip()) from error
    except (URLError, TimeoutError) as error:
        message = (
            f"process {run.pid} does not answer on port {run.port} ({error}); see its terminal"
        )
        raise ConfigError(message) from error
    return answer


@contextmanager
def opened_store(config: Config, folder: Path) -> Iterator[Store]:
    """The server's store, or the folder's with no other process on it meanwhile."""
    settings = config.settings
    with ExitStack() as stack:
        if not settings.store_dsn.startswith("http"):
            if not (folder / "store").is_dir():
                message = f"{folder}: holds no store yet; start one with `make run`"
                raise ConfigError(message)
            stack.callback(DataFolder(folder).close)
            data = settings.data.model_copy(update={"dir": folder})
            settings = settings.model_copy(update={"data": data})
        store = open_store(settings)
        stack.callback(store.close)
        yield store

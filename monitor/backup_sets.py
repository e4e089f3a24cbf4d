"""Backup sets of all that is kept: taken, pruned, and put back, for the commands of keeping.py."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from monitor.asking import ask_sql
from monitor.copying import copy_exclusive, copy_shared
from monitor.runfile import DataFolder, running
from monitor.wiring import connect_store
from runtime.clock import SystemClock
from runtime.config import Config, Settings
from runtime.errors import ConfigError
from storage.backup import PARTIAL, PREFIX, STAMP, Ask, SetFolder, Tell, take_backup
from storage.restore import holds_data, read_set, restore_store

# In this order: what a collector knows to be published is in the log that is copied after it, and
# what the log knows to be handled is in the store that is read last.
COPIES: Mapping[str, Callable[[Path, Path], None]] = {
    "collector.sqlite": copy_exclusive,
    "log.sqlite": copy_shared,
}
CUT_OFF_AFTER = timedelta(days=1)


def back_up(config: Config, parent: Path) -> Path:
    """The new set's folder."""
    settings = config.settings
    _refuse_cluster(settings)
    parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        ask = _ask(config, stack)
        others: dict[str, Callable[[Path], None]] = {}
        for name, copy in COPIES.items() if settings.embedded else ():
            if (settings.data.dir / name).exists():
                others[name] = _copy_of(settings.data.dir / name, copy)
        tell = stack.enter_context(progress("backup"))
        return take_backup(ask, SetFolder(parent, SystemClock().now(), others), tell)


def put_back(config: Config, folder: Path, *, replace: bool) -> None:
    """Raises ConfigError, with nothing changed, for a set that is not whole or a filled store."""
    settings = config.settings
    _refuse_cluster(settings)
    with ExitStack() as stack:
        tell = stack.enter_context(progress("restore"))
        manifest = read_set(folder, tell)
        if settings.embedded:
            stack.callback(DataFolder(settings.data.dir).close)
        store = connect_store(settings)
        stack.callback(store.close)
        if not replace and (holds_data(store) or _copies_there(settings)):
            message = (
                f"{store.place}: is not empty; --replace gives up all that is stored there, or "
                "restore into another data.dir or database"
            )
            raise ConfigError(message)
        restore_store(store, folder, manifest, tell, lambda: _place_copies(settings, folder))


def prune_sets(parent: Path, retention_days: int, now: datetime) -> list[Path]:
    """Delete sets as old as the retention, and what backups that were cut off have left."""
    dropped = []
    for path in sorted(parent.glob(f"{PREFIX}*")):
        taken = _taken_at(path)
        age = CUT_OFF_AFTER if path.name.endswith(PARTIAL) else timedelta(days=retention_days)
        if path.is_dir() and taken and now - taken >= age:
            shutil.rmtree(path)
            dropped.append(path)
    return dropped


def _taken_at(path: Path) -> datetime | None:
    try:
        stamp = path.name.removeprefix(PREFIX).removesuffix(PARTIAL)
        return datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _ask(config: Config, stack: ExitStack) -> Ask:
    """The store's own answer, or that of the process that holds it."""
    settings = config.settings
    if not settings.embedded:
        store = connect_store(settings)
    elif running(settings.data.dir):
        return lambda sql, _: ask_sql(config, sql, "jsonl")
    elif not (settings.data.dir / "store").is_dir():
        message = f"{settings.data.dir}: holds no store yet; there is nothing to back up"
        raise ConfigError(message)
    else:
        stack.callback(DataFolder(settings.data.dir).close)
        store = connect_store(settings)
    stack.callback(store.close)
    return store.ask


def _copy_of(path: Path, copy: Callable[[Path, Path], None]) -> Callable[[Path], None]:
    return lambda target: copy(path, target)


def _copies_there(settings: Settings) -> bool:
    return settings.embedded and any((settings.data.dir / name).exists() for name in COPIES)


def _place_copies(settings: Settings, folder: Path) -> None:
    """A set without them comes from server mode: then those of another past must go as well."""
    for name in COPIES if settings.embedded else ():
        path = settings.data.dir / name
        fresh = path.with_name(f"{name}.restored")
        if (folder / name).exists():
            shutil.copyfile(folder / name, fresh)
            fresh.chmod(0o600)
            with fresh.open("rb") as file:
                os.fsync(file.fileno())
        for old in (path, *(path.with_name(name + end) for end in ("-wal", "-shm"))):
            old.unlink(missing_ok=True)
        if fresh.exists():
            fresh.rename(path)


def _refuse_cluster(settings: Settings) -> None:
    if settings.store.cluster:
        message = (
            "store.cluster is set: back a cluster up with ClickHouse's own BACKUP … ON CLUSTER "
            "and RESTORE … ON CLUSTER"
        )
        raise ConfigError(message)


@contextmanager
def progress(task: str) -> Iterator[Tell]:
    """A line on a terminal; nothing elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f}"))
    console = Console(file=sys.stderr)
    with Progress(
        *columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal
    ) as bar:
        line = bar.add_task(task, total=None)
        yield lambda table, rows: bar.update(line, advance=rows, description=f"{task} {table}")

"""Stored posts tagged again after rules or a model changed, as `huisheng retag` asks for it.

In the running process if there is one on the folder, which tells how far it has come; else here.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from monitor.asking import ask_running, config_of, opened_store, place_of
from monitor.retag_work import RetagDesk, retag, tagging
from runtime.clock import SHANGHAI, SystemClock
from runtime.config import Config
from runtime.errors import ConfigError
from runtime.text import squeeze
from storage.retagging import RetagReport, RetagRequest

POLL_SECONDS = 0.5
OPERATOR_LENGTH = 40


def read_request(since: str, until: str, by: str, *, dry_run: bool) -> RetagRequest:
    """Raises ConfigError with what is wrong."""
    start, end = _time("--since", since), _time("--until", until) if until else None
    if end and end <= start:
        message = f"--until: {until} is not after --since {since}; no post is in between"
        raise ConfigError(message)
    operator = squeeze(by)
    if len(operator) > OPERATOR_LENGTH:
        message = f"--by: has {len(operator)} characters; sign with {OPERATOR_LENGTH} at most"
        raise ConfigError(message)
    return RetagRequest(since=start, until=end, operator=operator, dry_run=dry_run)


def retag_store(config: Config, request: RetagRequest) -> RetagReport:
    """Blocks until it is done; raises ConfigError and RetryLater."""
    folder, run = place_of(config)
    with _progress() as tell:
        if run:
            ask_running(run, "/retag", msgspec.json.encode(request))
            return _followed(lambda: ask_running(run, "/retag", None), tell)
        with opened_store(config, folder) as store:
            desk = RetagDesk(store, tagging(config_of(config, folder)), SystemClock())
            return retag(desk, request, tell, threading.Event())


def print_report(report: RetagReport, request: RetagRequest) -> None:
    """Each tag with the number of posts that had it, and that have it now."""
    console = Console(soft_wrap=True)
    table = Table("标签 tag", "前 before", "后 after", "差 difference")
    for name in sorted(report.before.keys() | report.after.keys(), key=_order):
        before, after = report.before.get(name, 0), report.after.get(name, 0)
        differ = f"{after - before:+d}" if after != before else ""
        table.add_row(name, str(before), str(after), differ)
    if report.posts:
        console.print(table)
    written = "将写入 would write" if request.dry_run else "写入 written"
    console.print(
        f"{report.posts} 条帖子 posts，标签改变 changed {report.changed}，{written} "
        f"{report.written}；rules {report.rules_version or '–'}，model "
        f"{report.model_version or '–'}",
        markup=False,
    )
    if report.state == "stopped":
        console.print("进程停止，未完成；再运行一次即可继续 / the process stopped; run it again")


def _order(name: str) -> tuple[bool, bool, str]:
    return name == "danger", name.startswith("owed"), name


def _followed(ask: Callable[[], bytes], tell: Callable[[RetagReport], None]) -> RetagReport:
    """The report of the running process once it has come to an end."""
    never = threading.Event()
    while True:
        report = msgspec.json.decode(ask(), type=RetagReport)
        tell(report)
        if report.state == "failed":
            message = f"retag: {report.problem}; run it again, it goes on where it was"
            raise ConfigError(message)
        if report.state != "running":
            return report
        SystemClock().wait(never, POLL_SECONDS)


def _time(option: str, said: str) -> datetime:
    try:
        found = datetime.fromisoformat(said)
    except ValueError as error:
        message = f"{option}: {said!r} is no date; write it as 2026-11-01 or 2026-11-01T08:00"
        raise ConfigError(message) from error
    return found if found.tzinfo else found.replace(tzinfo=SHANGHAI)


@contextmanager
def _progress() -> Iterator[Callable[[RetagReport], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}，改 changed {task.fields[changed]}"),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("重新标注 retag", total=None, changed=0)
        yield lambda report: bar.update(
            task, total=report.total, completed=report.posts, changed=report.changed
        )

"""How the stages, sources, matters and the store do, as `huisheng status` prints it."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table

from dashboard.status import MatterStatus, Status
from dashboard.watching import lag_texts
from runtime.clock import SHANGHAI
from runtime.health import Verdict
from schemas.matters import TIER_NAMES, Tier

STAGE_COLUMNS = (
    "环节 stage",
    "进程 instance",
    "角色 role",
    "最近正常 last ok",
    "待处理 lag",
    "重启 restarts",
)
WIDTH = 200


def print_status(status: Status, who: str) -> int:
    """`who` answers. 1 when a stage, a source, a report that is due or the store has a problem."""
    console = wide_console()
    at = _local(status.at)
    console.print(f"{who}   {at}   覆盖 coverage {status.coverage:.0%}", markup=False)
    print_stages(console, status.stages)
    _print_sources(console, status)
    _print_matters(console, status)
    _print_pending(console, status)
    _print_store(console, status)
    in_trouble = (
        any(verdict.finding for verdict in status.stages),
        any(not source.covered for source in status.sources),
        any(_overdue(matter, status.at) for matter in status.matters),
        status.store.broken_parts,
    )
    return int(any(in_trouble))


def wide_console() -> Console:
    """Wide enough to be searched by line where there is no terminal."""
    console = Console(soft_wrap=True, highlight=False, markup=False)
    if not console.is_terminal:
        console.width = WIDTH
    return console


def print_stages(console: Console, verdicts: Sequence[Verdict]) -> None:
    if not verdicts:
        console.print("没有上报状态的环节 / no stage tells how it is; set health.stages")
        return
    table = Table(*STAGE_COLUMNS)
    for verdict in verdicts:
        stage = verdict.health
        last = f"{stage.ok_at.astimezone(SHANGHAI):%m-%d %H:%M:%S}" if stage.ok_at else "从未 never"
        lags = "\n".join(lag_texts(stage.lags)) or "-"
        table.add_row(stage.stage, stage.instance, _role(verdict), last, lags, str(stage.restarts))
    console.print(table)
    for verdict in verdicts:
        for told in (verdict.finding, verdict.health.notice):
            if told:
                console.print(f"  {verdict.health.stage}: {told}", markup=False)
    dead = sum(verdict.health.dead for verdict in verdicts)
    if dead:
        console.print(f"死信 dead letters since the start: {dead}; huisheng dead-letters list")


def _role(verdict: Verdict) -> str:
    if verdict.health.stopped:
        return "已停 stopped"
    if not verdict.live:
        return "无响应 hangs"
    if verdict.health.standing_by:
        return "待命 standing by"
    return "有问题 in trouble" if verdict.finding else "在用 active"


def _print_sources(console: Console, status: Status) -> None:
    failing = [source for source in status.sources if not source.covered]
    good = len(status.sources) - len(failing)
    for source in failing:
        told = f"{source.outcome} {source.message}".rstrip()
        console.print(f"  {source.id}: {told}", markup=False)
    console.print(f"信息源 sources: {len(failing)} 有问题 failing, {good} 正常 ok")


def _print_matters(console: Console, status: Status) -> None:
    if not status.matters:
        console.print("没有进行中的事项 / no open matters")
        return
    table = Table("级别", "话题 topic", "单位 unit", "自 since", "上报 report by", "id")
    for matter in sorted(status.matters, key=lambda matter: -matter.tier):
        due = "已报 reported" if matter.reported else _due(matter, status.at)
        table.add_row(
            TIER_NAMES[Tier(matter.tier)],
            matter.topic,
            matter.unit or "全区",
            _local(matter.opened_at),
            due,
            matter.id,
        )
    console.print(table)


def _print_pending(console: Console, status: Status) -> None:
    console.print(f"待送通知 pending deliveries: {len(status.pending)}")
    for each in status.pending:
        told = f"自 since {_local(each.since)}, {each.tries} 次 tries"
        console.print(f"  {each.channel}: {each.event_id} {told} {each.detail}", markup=False)


def _print_store(console: Console, status: Status) -> None:
    store = status.store
    told = f"ClickHouse {store.version}, {store.migration}"
    console.print(f"数据库 store: {store.place}   {told}", markup=False)
    for table, parts in store.broken.items():
        remedy = "their rows are missing; docs/operations.md, Broken parts"
        console.print(f"  损坏 broken: {table}: {parts} parts; {remedy}", markup=False)


def _overdue(matter: MatterStatus, at: datetime) -> bool:
    return matter.report_by is not None and not matter.reported and matter.report_by < at


def _due(matter: MatterStatus, at: datetime) -> str:
    if matter.report_by is None:
        return "-"
    late = "逾期 overdue " if _overdue(matter, at) else ""
    return late + _local(matter.report_by)


def _local(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%m-%d %H:%M}"

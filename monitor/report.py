"""How a running process does, as `huisheng status` prints it."""

from datetime import datetime

from rich.console import Console
from rich.table import Table

from dashboard.status import MatterStatus, Status
from runtime.clock import SHANGHAI
from schemas.matters import TIER_NAMES, Tier


def print_status(status: Status, who: str) -> int:
    """`who` answers. 1 when a stage, a source or a report that is due has a problem; else 0."""
    console = Console()
    at = _local(status.at)
    console.print(f"{who}   {at}   覆盖 coverage {status.coverage:.0%}")
    problems = [stage for stage in status.stages if stage.problem]
    for stage in status.stages:
        told = stage.problem or stage.notice or "正常 ok"
        console.print(f"  {stage.stage:<10} {told}   重启 restarts {stage.restarts}", markup=False)
    _print_matters(console, status)
    failing = [source for source in status.sources if not source.covered]
    good = len(status.sources) - len(failing)
    console.print(f"信息源 sources: {good} 正常 ok, {len(failing)} 有问题 failing")
    for source in failing:
        console.print(f"  {source.id}: {source.outcome} {source.message}", markup=False)
    overdue = [matter for matter in status.matters if _overdue(matter, status.at)]
    return 1 if problems or failing or overdue else 0


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


def _overdue(matter: MatterStatus, at: datetime) -> bool:
    return matter.report_by is not None and not matter.reported and matter.report_by < at


def _due(matter: MatterStatus, at: datetime) -> str:
    if matter.report_by is None:
        return "-"
    late = "逾期 overdue " if _overdue(matter, at) else ""
    return late + _local(matter.report_by)


def _local(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%m-%d %H:%M}"

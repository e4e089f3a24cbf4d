"""A report of scores in, tables out: for the terminal, or as Markdown for docs/models.md."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isnan

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from analyzers.judging import HeadReport, Marked, Report
from analyzers.labelled import FEWEST
from analyzers.scoring import NONE, Calibration, ClassScore, Confusion, Measured
from monitor.report import wide_console
from monitor.trials import Comparison, Step

NAMES = {
    "topics": "主题 topics",
    "owed": "应答 owed",
    "danger": "危险 danger",
    "department": "部门 department",
}
CLASS_COLUMNS = ("类别 class", "帖数 posts", "查准 precision", "查全 recall", "F1")


@dataclass(frozen=True)
class Table:
    title: str
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(report: Report) -> Iterator[Table]:
    for each in report.heads:
        yield _classes(each)
        if each.confusion:
            yield _confusion(each.head, each.confusion)
        if each.calibration:
            yield _calibration(each.head, each.calibration)
    for marked in report.marked:
        yield _marked(marked)


def comparison_table(comparison: Comparison) -> Table:
    rows = tuple(
        (
            NAMES[head],
            share(comparison.before[head]),
            share(comparison.after[head]),
            f"{comparison.after[head] - comparison.before[head]:+.3f}",
        )
        for head in comparison.heads
    )
    columns = ("项 head", "现在 before", "新 after", "差 change")
    return Table(f"比较 Comparison: {comparison.how}", (), columns, rows)


class Screen:
    """Tables on stdout; what is said beside them, and how far the work is, on stderr."""

    def __init__(self, markdown: bool = False) -> None:
        self.markdown = markdown

    def say(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")

    def head(self, line: str) -> None:
        """What the tables below are of."""
        sys.stdout.write(f"{line}\n\n")

    def show(self, tables: Iterable[Table]) -> None:
        console = wide_console()
        for table in tables:
            if self.markdown:
                sys.stdout.write("\n".join(as_markdown(table)) + "\n")
            else:
                _show_rich(table, console)

    @contextmanager
    def steps(self) -> Iterator[Step]:
        console = Console(stderr=True)
        if not console.is_terminal:
            yield self._line_each()
            return
        bar = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*bar, console=console, transient=True) as progress:
            task = progress.add_task("", total=1.0)
            yield lambda what, share: progress.update(task, description=what, completed=share)

    def _line_each(self) -> Step:
        """Where no bar can be drawn: a line whenever something else is under way."""
        last = ""

        def step(what: str, share: float) -> None:
            nonlocal last
            if what != last:
                self.say(f"{share:4.0%}  {what}")
            last = what

        return step


def as_markdown(table: Table) -> list[str]:
    rule = ["---", *["---:"] * (len(table.columns) - 1)]
    rows = [table.columns, rule, *table.rows]
    return [
        f"**{table.title}**",
        "",
        *(line for note in table.notes for line in (note, "")),
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def _show_rich(table: Table, console: Console) -> None:
    drawn = RichTable(title=table.title, title_justify="left", caption_justify="left")
    drawn.caption = "\n".join(table.notes)
    for index, column in enumerate(table.columns):
        drawn.add_column(column, justify="right" if index else "left", no_wrap=True)
    for row in table.rows:
        drawn.add_row(*row)
    console.print(drawn)


def _classes(report: HeadReport) -> Table:
    scores = report.scores
    notes = [
        f"{report.rows} 条有标注 rows judged; {report.measure[0]} is what models are compared by"
    ]
    if report.head != "danger":
        over = f"over {len(scores.over)} classes of {FEWEST} rows or more"
        notes.append(
            f"micro-F1 {interval(scores.micro)}, macro-F1 {interval(scores.macro)} ({over})"
        )
    else:
        notes.append(f"F1 {interval(scores.micro)}")
    rows = tuple(_class_row(each) for each in scores.classes)
    return Table(NAMES[report.head], tuple(notes), CLASS_COLUMNS, rows)


def _class_row(score: ClassScore) -> tuple[str, ...]:
    return (
        score.name,
        str(score.support),
        interval(score.precision),
        interval(score.recall),
        share(score.f1),
    )


def interval(measured: Measured) -> str:
    if isnan(measured.value) or isnan(measured.low):
        return share(measured.value)
    return f"{measured.value:.3f} [{measured.low:.2f}, {measured.high:.2f}]"


def share(value: float) -> str:
    return NONE if isnan(value) else f"{value:.3f}"


def _confusion(head: str, confusion: Confusion) -> Table:
    """Columns are numbered: eighteen names have no room side by side."""
    numbers = range(1, len(confusion.classes) + 1)
    rows = tuple(
        (f"{number} {name}", *(str(count) if count else "·" for count in counts))
        for number, name, counts in zip(
            numbers, confusion.classes, confusion.counts.tolist(), strict=True
        )
    )
    first = "first topic judged (rows) against first topic found (columns)"
    note = first if head == "topics" else "judged (rows) against found (columns)"
    return Table(f"{NAMES[head]}: 混淆表 confusion", (note,), ("", *map(str, numbers)), rows)


def _calibration(head: str, calibration: Calibration) -> Table:
    rows = tuple(
        (f"{each.low:.1f}–{each.high:.1f}", str(each.count), share(each.mean), share(each.right))
        for each in calibration.bins
    )
    note = f"expected calibration error {calibration.error:.3f}, over the tags that a model gave"
    columns = ("分数 score", "标签数 tags", "平均分 mean score", "正确率 share right")
    return Table(f"{NAMES[head]}: 校准 calibration", (note,), columns, rows)


def _marked(marked: Marked) -> Table:
    rows = tuple((name, str(n), f"{n / marked.rows:.2%}") for name, n in marked.found)
    note = f"{marked.rows} 条没有标注 rows not judged: what was found on them"
    columns = ("类别 class", "帖数 posts", "占比 share")
    return Table(f"{NAMES[marked.head]}: 未标注 not judged", (note,), columns, rows)

"""How the measuring scripts tell their numbers: percentiles, versions, a table with ratios."""

import platform
from collections.abc import Sequence
from importlib.metadata import version

from rich.console import Console
from rich.table import Table


def versions(*packages: str) -> str:
    found = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"Python {platform.python_version()}, {found}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of `values` lie; `values` must not be empty."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def spread(milliseconds: Sequence[float]) -> tuple[str, str, str]:
    """p50, p95 and p99."""
    p50, p95, p99 = (f"{percentile(milliseconds, share):.1f}" for share in (0.5, 0.95, 0.99))
    return p50, p95, p99


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console(soft_wrap=True, width=120).print(table)

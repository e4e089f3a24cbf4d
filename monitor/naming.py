"""`huisheng units suggest|list`: names in recent posts that no unit has yet, and those it goes by.

The posts come from a file or from the store, as `huisheng sql` asks it; only names are printed.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.options import ConfigFolder, told
from runtime.config import Config, Source, Unit
from runtime.errors import ConfigError
from runtime.settings import load_config

if TYPE_CHECKING:
    from analyzers.unit_suggestions import SeenPost, Suggestion
    from monitor.lines import BadLines

# Well within the limits of an answer; names stand near the beginning.
RECENT = """
SELECT source, id, title, substringUTF8(body, 1, 500) AS body FROM v_posts
WHERE counted_at > now() - INTERVAL {days} DAY ORDER BY counted_at DESC LIMIT 20000
"""

app = typer.Typer(help="Names of schools: the known ones, and new ones.", no_args_is_help=True)


@app.command()
def suggest(
    recent: Annotated[
        Path | None, typer.Option(help="Posts as JSON lines or CSV (default: the store's).")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="How far back the store is read.")] = 30,
    least: Annotated[int, typer.Option(min=1, help="Posts that must name it.")] = 3,
    toml: Annotated[bool, typer.Option("--toml", help="As text for units.toml.")] = False,
    config: ConfigFolder = None,
) -> None:
    """List names in recent posts that look like a school's and belong to no unit yet.

    Example: huisheng units suggest --days 14 --toml
    """
    from analyzers.segment import Segmenter
    from analyzers.unit_names import words_to_know
    from analyzers.unit_suggestions import Suggester
    from monitor.asking import refusals_told
    from monitor.lines import BadLines

    with told(), refusals_told():
        found = load_config(config)
        segmenter = Segmenter(found.settings.analyze.engine, words_to_know(found.units))
        suggester = Suggester(found.units, found.sources, segmenter)
        bad = BadLines(str(recent))
        suggester.read(_from_file(recent, bad) if recent else _stored(found, days))
    names = suggester.suggestions(least)
    if toml:
        typer.echo(as_toml(names, found.units), nl=False)
    elif names:
        _print(names)
    typer.echo(f"{len(names)} 个新名称 / new names", err=True)
    raise typer.Exit(1 if bad.count else 0)


@app.command("list")
def list_units(config: ConfigFolder = None) -> None:
    """List the units with all that they are found by; * marks what several units share.

    Example: huisheng units list
    """
    from rich.table import Table

    from analyzers.unit_names import UnitNames, all_spellings
    from monitor.report import wide_console

    with told():
        found = load_config(config)
    units = found.units
    owners = all_spellings(units)
    table = Table("单位 unit", "地区 area", "别名 aliases", "简称 short forms")
    for names in map(UnitNames, units):
        aliases = [_marked(alias, len(owners[alias])) for alias in names.aliases if alias]
        short = [each for each in names.derived if names in owners[each]]
        forms = [_marked(each, len(owners[each])) for each in short]
        table.add_row(names.unit.name, names.unit.area, " ".join(aliases), " ".join(forms))
    wide_console().print(table)
    if without := sum(not UnitNames(unit).region for unit in units):
        typer.echo(
            f"{without} units have neither a place in their name nor an area: with a place before "
            "it (青禾区一小) their short name counts as another school's; write their area",
            err=True,
        )
    for source in sources_without_units(found):
        typer.echo(
            f"source {source.id!r}: no unit is in its area {source.area!r}; short names mean "
            "nobody there: write the area as in units.toml, or take it out",
            err=True,
        )


def sources_without_units(config: Config) -> list[Source]:
    """Those whose area is no unit's: most likely the two are written in different ways."""
    from analyzers.unit_names import UnitNames, plain, related

    regions = {names.region for names in map(UnitNames, config.units)}
    if not regions or "" in regions:
        return []
    return [
        source
        for source in config.sources
        if source.area and not any(related(plain(source.area), region) for region in regions)
    ]


def _marked(name: str, owners: int) -> str:
    return f"{name}*" if owners > 1 else name


def as_toml(names: Sequence["Suggestion"], units: Sequence[Unit]) -> str:
    """Tables to paste: first those that take the place of a unit's own, with the new aliases."""
    added: dict[str, list[str]] = defaultdict(list)
    for name in names:
        added[name.unit].append(name.name)
    known = [
        "# 代替原来的一段 / in place of the unit's own table\n"
        + _table(unit.name, [*unit.aliases, *added[unit.name]], unit.area, unit.short_names)
        for unit in units
        if unit.name in added
    ]
    new = [
        f"# {name.posts} 帖 / posts\n{_table(name.name, (), (*name.areas, '')[0], True)}"
        for name in names
        if not name.unit
    ]
    return "\n".join([*known, *new])


def _table(name: str, aliases: Sequence[str], area: str, short_names: bool) -> str:
    lines = ["[[unit]]", f"name = {_quoted(name)}"]
    if aliases:
        lines.append(f"aliases = [{', '.join(map(_quoted, aliases))}]")
    if area:
        lines.append(f"area = {_quoted(area)}")
    if not short_names:
        lines.append("short_names = false")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """JSON's strings are TOML's as well, DEL apart, which no name holds."""
    return json.dumps(text, ensure_ascii=False)


def _print(names: Sequence["Suggestion"]) -> None:
    from rich.table import Table

    from monitor.report import wide_console

    table = Table("名称 name", "帖数 posts", "地区 areas", "可能是 likely an alias of")
    for name in names:
        table.add_row(name.name, str(name.posts), " ".join(name.areas), name.unit)
    wide_console().print(table)


def _stored(config: Config, days: int) -> Iterator["SeenPost"]:
    import msgspec

    from analyzers.unit_suggestions import SeenPost
    from monitor.asking import ask_sql

    answer = ask_sql(config, RECENT.replace("{days}", str(days)), "jsonl")
    for line in answer.splitlines():
        yield msgspec.json.decode(line, type=SeenPost)


def _from_file(path: Path, bad: "BadLines") -> Iterator["SeenPost"]:
    """Raises ConfigError if it can't be read; single bad lines are told and left out."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            read = _from_csv if path.suffix.lower() == ".csv" else _from_lines
            yield from read(file, bad)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        remedy = "give post objects as JSON lines, or a CSV with title and body, in UTF-8"
        message = f"{path}: can't be read ({error}); {remedy}"
        raise ConfigError(message) from error


def _from_lines(lines: Iterable[str], bad: "BadLines") -> Iterator["SeenPost"]:
    import msgspec

    from analyzers.unit_suggestions import SeenPost
    from monitor.lines import read_posts

    for number, post in read_posts((line.encode() for line in lines), SeenPost, {}, bad):
        yield post if post.id else msgspec.structs.replace(post, id=str(number))


def _from_csv(lines: Iterable[str], bad: "BadLines") -> Iterator["SeenPost"]:
    from analyzers.unit_suggestions import SeenPost

    rows = csv.DictReader(lines)
    columns = rows.fieldnames or ()
    if not {"title", "body"} & set(columns):
        finding = f"{bad.place}:1: has no column title or body, but {', '.join(columns) or 'none'}"
        message = f"{finding}; name them so in the first line"
        raise ConfigError(message)
    for number, row in enumerate(rows, 2):
        given = {name: row.get(name) or "" for name in ("source", "id", "title", "body")}
        yield SeenPost(**{**given, "id": given["id"] or str(number)})

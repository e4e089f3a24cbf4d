"""A backup set of the store: its rows in files, with a manifest of their counts and hashes.

It asks only SELECTs, so a store that another process holds is backed up through that process. A
folder passes for a set when it has its final name and a manifest; both come last.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import msgspec
import zstandard

from runtime.errors import ConfigError
from storage.migrate import UNFINISHED, tables_of

FORM = "JSONEachRow"
MANIFEST = "manifest.json"
PARTIAL = ".partial"
# An answer to foreign SQL has at most 100,000 rows and 50 MB; a piece of long posts keeps within.
PIECE_ROWS = 40_000
PIECE_BYTES = 15_000_000
PREFIX = "huisheng-"
STAMP = "%Y%m%dT%H%M%SZ"

TABLES = """
SELECT name, engine, sorting_key, row_bytes FROM system.tables
LEFT JOIN
(
    SELECT table, toUInt64(sum(data_uncompressed_bytes) / greatest(sum(rows), 1)) AS row_bytes
    FROM system.parts WHERE database = currentDatabase() AND active GROUP BY table
) AS size ON size.table = name
WHERE database = currentDatabase()
"""
APPLIED = "SELECT number, name, digest FROM schema_migrations FINAL ORDER BY number"
CUTS = "SELECT {cut} AS cut, count() AS rows FROM {table} GROUP BY cut ORDER BY cut"
READ = "SELECT * FROM {table}{final} WHERE {where}"
PART = " AND cityHash64({key}) % {parts} = {part}"

# What is read later may be newer than what was read before it, never older: a mark or a matter that
# lags behind its posts and events is mended at the start, and a missing delivery is sent again
# under the same id. All others follow.
FIRST = ("marks", "hourly_counts", "deliveries", "actions", "matters", "matter_events")
# How a large table is cut along its key, and the rows from one cut to another.
BY_HOUR = (
    "toString(toUnixTimestamp({column}))",
    "{column} >= toDateTime({first}, 'UTC') AND {column} <= toDateTime({last}, 'UTC')",
)
BY_SOURCE = ("hex(source)", "source >= unhex('{first}') AND source <= unhex('{last}')")
KEYS = {
    "posts": (*BY_HOUR, "toStartOfHour(counted_at)"),
    "hourly_counts": (*BY_HOUR, "hour"),
    "engagement": (*BY_SOURCE, ""),
    "polls": (*BY_SOURCE, ""),
}
WHOLE = ("''", "1", "")

# A SELECT and one of ClickHouse's formats in, the answer out.
Ask = Callable[[str, str], bytes]
Tell = Callable[[str, int], None]
S = TypeVar("S", bound=msgspec.Struct)


class Table(msgspec.Struct, frozen=True):
    name: str
    engine: str
    sorting_key: str
    row_bytes: int = 0


class Applied(msgspec.Struct, frozen=True):
    number: int
    name: str
    digest: str


class Cut(msgspec.Struct, frozen=True):
    cut: str
    rows: int


class File(msgspec.Struct, frozen=True):
    """`table`: whose rows it holds; empty for a file that is none of the store's."""

    name: str
    table: str
    rows: int
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a set holds; `schema` is the version of the tables that it was taken from."""

    taken_at: datetime
    huisheng: str
    schema: tuple[Applied, ...]
    files: tuple[File, ...]
    format: int = 1

    def rows(self, table: str) -> int:
        return sum(file.rows for file in self.files if file.table == table)


@dataclass(frozen=True)
class Piece:
    """Rows that one SELECT reads; `rows` is about how many."""

    table: str
    sql: str
    rows: int


@dataclass(frozen=True)
class SetFolder:
    """A set that is being written; `others` are copied first, as what lies before the store."""

    parent: Path
    at: datetime
    others: Mapping[str, Callable[[Path], None]]

    @property
    def final(self) -> Path:
        return self.parent / (PREFIX + self.at.strftime(STAMP))


def take_backup(ask: Ask, target: SetFolder, tell: Tell) -> Path:
    """The folder of the new set. Raises ConfigError when it is there already."""
    partial = target.final.with_name(target.final.name + PARTIAL)
    if target.final.exists() or partial.exists():
        message = f"{target.final}: is there already; take it away or wait a second"
        raise ConfigError(message)
    partial.mkdir(parents=True, mode=0o700)
    files = [_copied(partial, name, copy) for name, copy in target.others.items()]
    schema = tuple(_rows(ask, APPLIED, Applied))
    for number, piece in enumerate(plan(ask)):
        file = _written(
            partial, f"{number:05d}-{piece.table}.jsonl.zst", piece.table, ask(piece.sql, FORM)
        )
        tell(piece.table, piece.rows)
        files.append(file)
    manifest = Manifest(target.at, version("huisheng"), schema, tuple(files))
    _write(partial / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    partial.rename(target.final)
    _sync_folder(target.parent)
    return target.final


def plan(ask: Ask) -> list[Piece]:
    """What is to be read, in order, in pieces that fit the limits of foreign SQL."""
    there = {table.name: table for table in _rows(ask, TABLES, Table)}
    if UNFINISHED in there:
        message = "a restore was cut off here; run `huisheng restore` again before a backup"
        raise ConfigError(message)
    ours = [name for name in tables_of() if name in there]
    ordered = [name for name in FIRST if name in ours] + [n for n in ours if n not in FIRST]
    return [piece for name in ordered for piece in _pieces(ask, there[name])]


def _pieces(ask: Ask, table: Table) -> Iterator[Piece]:
    cut, between, column = KEYS.get(table.name, WHOLE)
    cuts = _rows(ask, _put(_put(CUTS, cut=cut, table=table.name), column=column), Cut)
    final = " FINAL" if table.engine.startswith("Replacing") else ""
    most = max(1, min(PIECE_ROWS, PIECE_BYTES // max(1, table.row_bytes)))
    for group in _grouped(cuts, most):
        rows = sum(each.rows for each in group)
        where = _put(between, column=column, first=group[0].cut, last=group[-1].cut)
        parts = -(-rows // most)
        for part in range(parts):
            only = _put(PART, key=table.sorting_key, parts=parts, part=part) if parts > 1 else ""
            sql = _put(READ, table=table.name, final=final, where=where + only)
            yield Piece(table.name, sql, rows // parts)


def _grouped(cuts: Sequence[Cut], most: int) -> Iterator[list[Cut]]:
    group: list[Cut] = []
    for cut in cuts:
        if group and sum(each.rows for each in group) + cut.rows > most:
            yield group
            group = []
        group.append(cut)
    if group:
        yield group


def _rows(ask: Ask, sql: str, kind: type[S]) -> list[S]:
    return [
        msgspec.json.decode(line, type=kind, strict=False) for line in ask(sql, FORM).splitlines()
    ]


def _put(sql: str, **values: object) -> str:
    """Names and numbers of our own; what users wrote never stands in these statements."""
    for name, value in values.items():
        sql = sql.replace(f"{{{name}}}", str(value))
    return sql


def _written(folder: Path, name: str, table: str, lines: bytes) -> File:
    data = zstandard.compress(lines, 3)
    _write(folder / name, data)
    return File(name, table, lines.count(b"\n"), len(data), sha256(data).hexdigest())


def _copied(folder: Path, name: str, copy: Callable[[Path], None]) -> File:
    path = folder / name
    copy(path)
    path.chmod(0o600)
    return File(name, "", 0, path.stat().st_size, hash_of(path))


def hash_of(path: Path) -> str:
    found = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def _write(path: Path, data: bytes) -> None:
    """On the disk when it returns; readable by its owner alone."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Backup sets: whole or refused, put back on either engine, also into a later version."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.copying import copy_exclusive
from runtime.clock import SystemClock
from runtime.errors import ConfigError
from storage.backup import SetFolder, plan, take_backup
from storage.migrate import bring_up, migrate, shipped, tables_of
from storage.restore import holds_data, read_set, restore_store
from storage.store import Store
from tests.storage.sample import POSTS, fill_sample

NOW = datetime(2026, 11, 2, tzinfo=UTC)


def quiet(_table: str, _rows: int) -> None:
    """No progress is shown in tests."""


def filled(store: Store) -> Store:
    migrate(store)
    fill_sample(store, SystemClock().now())
    return store


def backed_up(store: Store, folder: Path) -> Path:
    return take_backup(store.ask, SetFolder(folder, NOW, {}), quiet)


def put_back(store: Store, folder: Path) -> None:
    restore_store(store, folder, read_set(folder, quiet), quiet, lambda: None)


def contents(store: Store) -> dict[str, list[tuple[object, ...]]]:
    return {
        name: store.rows(f"SELECT * FROM {name} {final(name)} ORDER BY ALL")  # noqa: S608
        for name in tables_of()
    }


def final(name: str) -> str:
    return "" if name in ("deliveries", "leader_terms") else "FINAL"


def test_what_was_stored_comes_back_to_the_last_column(empty_store: Store, tmp_path: Path) -> None:
    store = filled(empty_store)
    fill_sample(store, SystemClock().now())
    before = contents(store)
    folder = backed_up(store, tmp_path)
    assert holds_data(store)
    store.command("TRUNCATE TABLE posts")
    put_back(store, folder)
    assert contents(store) == before
    assert store.rows("SELECT count() FROM v_posts") == [(len(before["posts"]),)]
    assert migrate(store) == []


def test_a_set_is_readable_by_its_owner_alone(empty_store: Store, tmp_path: Path) -> None:
    folder = backed_up(filled(empty_store), tmp_path)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_large_tables_are_read_in_pieces_that_miss_nothing(
    empty_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(empty_store)
    # All posts of one hour, so that the hour itself is cut.
    store.command("INSERT INTO posts SELECT * REPLACE (now64(3) AS counted_at) FROM posts")
    monkeypatch.setattr("storage.backup.PIECE_ROWS", 50)
    pieces = [piece for piece in plan(store.ask) if piece.table == "posts"]
    assert len(pieces) >= 2 * POSTS // 50
    before = contents(store)
    put_back(store, backed_up(store, tmp_path))
    assert contents(store) == before


@pytest.mark.parametrize("harm", ["cut", "flip", "gone", "manifest", "unnamed"])
def test_a_set_that_is_not_whole_is_refused(empty_store: Store, tmp_path: Path, harm: str) -> None:
    store = filled(empty_store)
    folder = backed_up(store, tmp_path)
    file = next(folder.glob("*-posts.jsonl.zst"))
    data = file.read_bytes()
    if harm == "cut":
        file.write_bytes(data[:-10])
    elif harm == "flip":
        file.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    elif harm == "gone":
        file.unlink()
    elif harm == "manifest":
        (folder / "manifest.json").unlink()
    else:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        manifest["schema"].append({"number": 9999, "name": "9999_later.sql", "digest": "x"})
        (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(ConfigError, match=r"not whole|no whole backup|update huisheng"):
        read_set(folder, quiet)
    assert store.rows("SELECT count() FROM posts FINAL") == [(POSTS,)]


def test_a_set_of_an_earlier_version_is_brought_up(empty_store: Store, tmp_path: Path) -> None:
    bring_up(empty_store, 1)
    empty_store.load("posts", b'{"id": "1"}\n{"id": "2"}\n', "JSONEachRow")
    folder = backed_up(empty_store, tmp_path)
    migrate(empty_store)
    put_back(empty_store, folder)
    assert empty_store.rows("SELECT id FROM posts FINAL ORDER BY id") == [("1",), ("2",)]
    assert empty_store.rows("SELECT max(number) FROM schema_migrations") == [(len(shipped()),)]


def test_a_restore_that_was_cut_off_shows_and_is_done_again(
    empty_store: Store, tmp_path: Path
) -> None:
    store = filled(empty_store)
    folder = backed_up(store, tmp_path)

    def die(table: str, _rows: int) -> None:
        if table == "posts":
            raise KeyboardInterrupt

    manifest = read_set(folder, quiet)
    with pytest.raises(KeyboardInterrupt):
        restore_store(store, folder, manifest, die, lambda: None)
    with pytest.raises(ConfigError, match="a restore was cut off here"):
        migrate(store)
    with pytest.raises(ConfigError, match="a restore was cut off here"):
        backed_up(store, tmp_path / "again")
    assert not holds_data(store)
    put_back(store, folder)
    assert migrate(store) == []
    assert store.rows("SELECT count() FROM posts FINAL") == [(POSTS,)]


def test_a_backup_that_was_cut_off_is_none(empty_store: Store, tmp_path: Path) -> None:
    store = filled(empty_store)

    def die(_sql: str, _form: str) -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_backup(die, SetFolder(tmp_path, NOW, {}), quiet)
    (left,) = tmp_path.glob("huisheng-*")
    assert left.name.endswith(".partial")
    with pytest.raises(ConfigError, match="no whole backup"):
        read_set(left, quiet)
    assert holds_data(store)


WRITER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA locking_mode = EXCLUSIVE")
db.execute("PRAGMA journal_mode = WAL")
db.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, twin INTEGER, pad TEXT)")
db.commit()
n = 0
while True:
    with db:
        for _ in range(2):
            db.execute("INSERT INTO t VALUES (?, ?, ?)", (n, n // 2, "x" * 400))
            n += 1
    if n == 200:
        print("writes", flush=True)
    if n % 40 == 0:
        sys.stdin.readline()
"""


def test_a_locked_file_is_copied_whole_while_it_is_written(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.sqlite", tmp_path / "copy.sqlite"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"\n" * 400)
        process.stdin.flush()
        process.stdout.readline()
        locked = pytest.raises(sqlite3.OperationalError, match="locked")
        with closing(sqlite3.connect(path, timeout=0)) as other, locked:
            other.execute("SELECT 1 FROM t")
        for _ in range(10):
            copy.unlink(missing_ok=True)
            copy_exclusive(path, copy)
            with closing(sqlite3.connect(copy)) as copied:
                rows = copied.execute("SELECT count(*), max(n) FROM t").fetchone()
            assert rows[0] == rows[1] + 1
            assert rows[0] % 2 == 0
        process.kill()

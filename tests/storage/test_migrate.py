"""Migrations: from every earlier version, by many processes at once, and after a death half-way."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from runtime.clock import SystemClock
from runtime.errors import RetryLater
from storage.migrate import bring_up, migrate, shipped, shipped_views, tables_of
from storage.migration_lock import migration_lock
from storage.store import Store
from tests.engines.process import wait_until
from tests.storage.sample import fill_sample

TOGETHER = """
import sys, threading
from runtime.errors import RetryLater
from storage.migrate import migrate
from storage.store import Store
store = Store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
while True:
    try:
        print(len(migrate(store)), flush=True)
        break
    except RetryLater:
        threading.Event().wait(0.05)
"""


def contents(store: Store) -> dict[str, list[tuple[object, ...]]]:
    sql = "SELECT name FROM system.tables WHERE database = currentDatabase()"
    there = {name for (name,) in store.rows(sql)}
    return {
        name: store.rows(f"SELECT * FROM {name} ORDER BY ALL")  # noqa: S608
        for name in tables_of()
        if name in there
    }


@pytest.mark.parametrize("version", [migration.number for migration in shipped()])
def test_a_store_of_an_earlier_version_keeps_its_rows(empty_store: Store, version: int) -> None:
    assert len(bring_up(empty_store, version)) == version
    before = contents(empty_store)
    assert set(before) == set(tables_of(version))
    for name in before:
        empty_store.load(name, b"{}\n", "JSONEachRow")
    before = contents(empty_store)
    assert all(before.values())
    assert len(migrate(empty_store)) == len(shipped()) - version
    after = contents(empty_store)
    assert set(after) == set(tables_of())
    for name, rows in before.items():
        assert [row[: len(rows[0])] for row in after[name]] == rows
    assert migrate(empty_store) == []


def test_running_every_statement_again_does_no_harm(empty_store: Store) -> None:
    migrate(empty_store)
    fill_sample(empty_store, SystemClock().now())
    before = contents(empty_store)
    for migration in shipped():
        for statement in migration.statements:
            empty_store.command(statement)
    assert contents(empty_store) == before


def test_what_was_applied_is_recorded(empty_store: Store) -> None:
    migrate(empty_store)
    sql = "SELECT number, version != '', applied_by != '' FROM schema_migrations ORDER BY number"
    assert empty_store.rows(sql) == [(m.number, True, True) for m in shipped()]


def test_eight_processes_at_once_apply_each_migration_once(server_dsn: str) -> None:
    command = [sys.executable, "-c", TOGETHER, server_dsn]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    applied = sorted(int(process.communicate(timeout=100)[0]) for process in processes)
    assert applied == [0] * 7 + [len(shipped())]
    store = Store(server_dsn)
    assert store.rows("SELECT count() FROM schema_migrations") == [(len(shipped()),)]
    assert store.rows("SELECT count() FROM v_posts") == [(0,)]
    store.close()


def test_one_of_eight_threads_holds_the_lock_at_a_time(server_dsn: str) -> None:
    held: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        store = Store(server_dsn)
        while True:
            try:
                with migration_lock(store) as beat:
                    held.append(number)
                    most.append(len(held))
                    beat()
                    held.remove(number)
                break
            except RetryLater:
                Event().wait(0.02)
        store.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert most == [1] * 8


def test_the_lock_of_a_dead_process_is_broken_after_a_time(server_dsn: str) -> None:
    store = Store(server_dsn)
    dead = migration_lock(store)
    beat = dead.__enter__()
    with pytest.raises(RetryLater, match="brings its tables up to date"):
        migrate(store)
    wait_until(lambda: taken(store, break_seconds=1), "the dead one's lock", 30)
    with pytest.raises(RetryLater):
        beat()
    dead.__exit__(None, None, None)
    assert len(migrate(store)) == len(shipped())
    store.close()


def taken(store: Store, break_seconds: int) -> bool:
    try:
        with migration_lock(store, break_seconds):
            return True
    except RetryLater:
        return False


def test_each_view_is_there(empty_store: Store) -> None:
    migrate(empty_store)
    for view in shipped_views():
        assert empty_store.rows(f"SELECT count() FROM {view.name}") == [(0,)]  # noqa: S608

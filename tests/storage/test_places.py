"""What the store says when its place can't be used; each in a process of its own where it must."""

import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.clock import stopwatch
from runtime.errors import ConfigError, RetryLater
from storage.migrate import migrate, shipped
from storage.posts import insert_posts
from storage.store import PAGE_LIMITS, Store, StoreError
from tests.engines.clickhouse_server import ClickHouseServer, running_clickhouse
from tests.engines.process import free_port
from tests.made import raw_post, tagged

pytestmark = pytest.mark.xdist_group("chdb places")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"chdb://{tmp_path}/store")
    yield store
    store.close()


def test_a_second_process_is_told_who_holds_the_folder(held: Store) -> None:
    script = f"from storage.store import Store\nStore({held.dsn!r})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert "another huisheng process uses it; stop that one" in done.stderr
    assert held.place in done.stderr


def test_a_second_folder_in_one_process_is_refused(held: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this process has another store open"):
        Store(f"chdb://{tmp_path}/other")


def test_a_server_that_is_away_is_waited_for() -> None:
    with pytest.raises(RetryLater, match="ClickHouse does not answer"):
        Store(f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize(
    "dsn",
    [
        "http://nobody:sec/ret@127.0.0.1:1/huisheng",
        "http://nobody:12/ret@127.0.0.1:1/huisheng",
        "http://nobody:sec#ret@127.0.0.1:1/huisheng",
        "http://nobody:12?ret@127.0.0.1:1/huisheng",
        "http://127.0.0.1:1/huisheng?password=ret",
        "http:///ret",
        "http://127.0.0.1:99999/ret",
    ],
)
def test_a_dsn_that_can_not_be_read_is_told_without_its_password(dsn: str) -> None:
    with pytest.raises(
        ConfigError, match=r"store\.dsn: can't be read; .*STORE__PASSWORD"
    ) as refused:
        Store(dsn)
    assert "ret@" not in str(refused.value)
    assert "=ret" not in str(refused.value)


def test_passwords_do_not_show(clickhouse_server: ClickHouseServer) -> None:
    """Neither those of the settings nor those in the dsn, which may be percent-encoded."""
    address = clickhouse_server.url.removeprefix("http://")
    for dsn, login in (
        (f"http://nobody:sec%2Fret@{address}/huisheng", ()),
        (f"http://{address}", ("nobody", "sec/ret")),
    ):
        with pytest.raises(ConfigError, match="refuses the connection") as refused:
            Store(dsn, *login)
        shown = "".join(traceback.format_exception(refused.value))
        assert "nobody: Authentication failed" in shown
        assert "ret@" not in shown
        assert "sec/ret" not in shown
    store = Store(f"http://default:@{address}/default")
    assert store.place == store.dsn == f"http://{address}/default"
    store.close()


def test_a_server_that_hangs_is_waited_for_no_longer_than_stated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("storage.store.ANSWER_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        start = stopwatch()
        with pytest.raises(RetryLater, match="does not answer"):
            Store(f"http://127.0.0.1:{port}")
        assert stopwatch() - start < 10


@pytest.mark.clickhouse
@pytest.mark.xdist_group("clickhouse")
def test_a_server_that_is_killed_and_back_is_written_as_before(tmp_path: Path) -> None:
    """A writer tries again with the same rows: none is lost, none stands twice."""
    with running_clickhouse(tmp_path) as server:
        store = Store(server.url)
        migrate(store)
        posts = [tagged(raw_post(str(number))) for number in range(40)]
        insert_posts(store, posts[:20])
        server.kill()
        for _ in range(3):
            with pytest.raises(RetryLater):
                insert_posts(store, posts[10:])
        server.start()
        insert_posts(store, posts[10:])
        assert store.rows("SELECT count() FROM posts FINAL") == [(40,)]
        assert len(store.rows("SELECT number FROM schema_migrations")) == len(shipped())
        store.close()


def test_a_query_that_wants_too_much_says_so_in_our_words(held: Store) -> None:
    with pytest.raises(StoreError, match="would read more rows than it may"):
        held.rows("SELECT count() FROM numbers(1000)", limits={"max_rows_to_read": 10})
    slow = "SELECT sleepEachRow(0.5) FROM numbers(20) SETTINGS max_block_size = 1"
    with pytest.raises(RetryLater, match="took longer than it may"):
        held.rows(slow, limits={"max_execution_time": 1})
    assert held.rows("SELECT 1", limits=PAGE_LIMITS) == [(1,)]


def test_a_store_of_a_newer_version_is_refused(held: Store) -> None:
    migrate(held)
    row = (9999, "9999_later.sql", "x")
    held.insert("schema_migrations", ("number", "name", "digest"), [row])
    with pytest.raises(ConfigError, match="unknown here; update huisheng"):
        migrate(held)


def test_a_migration_cut_off_half_way_is_finished(held: Store) -> None:
    migrate(held)
    held.command(
        "ALTER TABLE schema_migrations DELETE WHERE number = 2 SETTINGS mutations_sync = 2"
    )
    assert migrate(held) == ["0002_matters.sql"]

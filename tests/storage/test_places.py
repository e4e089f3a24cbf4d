"""What the store says when its place can't be used; each in a process of its own where it must."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.errors import ConfigError, RetryLater
from storage.migrate import migrate
from storage.store import Store
from tests.engines.process import free_port

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


def test_passwords_do_not_show(held: Store) -> None:
    held.dsn, held.embedded = "http://reader:secret@ch.example:8123/huisheng", False
    assert held.place == "http://ch.example:8123/huisheng"


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

"""A part that broke on the disk: the engine opens without it and says nothing, so we do."""

import subprocess
import sys
from pathlib import Path

import pytest

from storage.migrate import migrate
from storage.parts import broken_parts
from storage.store import Store

pytestmark = pytest.mark.xdist_group("chdb places")

FILL = """
import sys
from storage.migrate import migrate
from storage.posts import insert_posts
from storage.store import Store
from tests.made import raw_post, tagged
store = Store(sys.argv[1])
migrate(store)
insert_posts(store, [tagged(raw_post(str(number))) for number in range(50)])
((path,),) = store.rows("SELECT path FROM system.parts WHERE table = 'posts' AND active")
print(path)
store.close()
"""


def filled(dsn: str) -> Path:
    """The folder of the one part that posts lie in; written by a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", FILL, dsn], capture_output=True, text=True, timeout=100, check=True
    )
    return Path(done.stdout.strip())


def test_a_truncated_part_is_told_with_table_part_and_remedy(tmp_path: Path) -> None:
    dsn = f"chdb://{tmp_path}/store"
    part = filled(dsn)
    for file in part.glob("*.bin"):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    store = Store(dsn)
    migrate(store)
    (broken,) = broken_parts(store)
    assert broken.table == "posts"
    assert part.name in broken.part
    assert "restore the last backup" in str(broken)
    assert store.rows("SELECT count() FROM posts") == [(0,)]
    store.close()


def test_a_whole_store_has_none(tmp_path: Path) -> None:
    dsn = f"chdb://{tmp_path}/store"
    filled(dsn)
    store = Store(dsn)
    assert broken_parts(store) == []
    assert store.rows("SELECT count() FROM posts") == [(50,)]
    store.close()

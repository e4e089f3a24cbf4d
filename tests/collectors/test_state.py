"""The collector's memory on disk."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collectors.state import Sighting, SourceState, State
from runtime.errors import ConfigError
from tests.collectors.documents import NOW

SEEN = Sighting("p1", NOW - timedelta(hours=1), NOW)
URL = "https://a.example/"


def test_a_first_sight_is_never_changed(tmp_path: Path) -> None:
    state = State(tmp_path / "new" / "collector.sqlite")
    state.remember("s", [SEEN])
    state.remember("s", [Sighting("p1", NOW, NOW + timedelta(hours=5))])
    assert state.sightings("s", ["p1", "p2"]) == {"p1": SEEN}
    assert state.sightings("other", ["p1"]) == {}


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    state = State(tmp_path / "collector.sqlite")
    before = state.source("s", URL)
    assert before == SourceState("s", URL)
    after = SourceState("s", URL, "e", "m", NOW, 1.5, True, NOW)
    published = replace(SEEN, content="c", replies=3)
    state.remember("s", [SEEN])
    state.save(before, after, [published])
    state.close()
    state = State(tmp_path / "collector.sqlite")
    assert state.source("s", URL) == after
    assert state.source("s", "https://moved.example/") == SourceState("s", "https://moved.example/")
    assert state.sightings("s", ["p1"]) == {"p1": published}


def test_posts_of_removed_sources_are_forgotten(tmp_path: Path) -> None:
    state = State(tmp_path / "collector.sqlite")
    state.remember("kept", [SEEN])
    state.remember("removed", [SEEN])
    state.forget_removed(["kept"], NOW)
    assert state.sightings("removed", ["p1"])
    state.forget_removed(["kept"], NOW + timedelta(days=1))
    assert state.sightings("removed", ["p1"]) == {}
    assert state.sightings("kept", ["p1"])


def test_another_collector_is_named(tmp_path: Path) -> None:
    first = State(tmp_path / "collector.sqlite")
    with pytest.raises(ConfigError, match=r"collector\.sqlite: in use by another collector; stop"):
        State(tmp_path / "collector.sqlite")
    first.close()
    State(tmp_path / "collector.sqlite").close()


def test_a_foreign_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "collector.sqlite"
    path.write_bytes(b"something else entirely, long enough to be looked at" * 20)
    with pytest.raises(ConfigError, match=r"not a collector's state .*move it away"):
        State(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't be opened"):
        State(tmp_path / "file" / "collector.sqlite")


def test_nothing_but_hashes_and_numbers_is_kept(tmp_path: Path) -> None:
    State(tmp_path / "collector.sqlite").close()
    with sqlite3.connect(tmp_path / "collector.sqlite") as db:
        columns = {row[1] for row in db.execute("PRAGMA table_info(post)")}
    db.close()
    assert columns.isdisjoint({"title", "body", "url"})

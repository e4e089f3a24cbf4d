"""What the store never holds: no author, no unmasked contact, no column for a person."""

from pathlib import Path

from analyzers.worker import Analyzer, AnalyzerParts
from bus.log import POSTS, STREAMS, Entry
from bus.memory_log import MemoryLog
from collectors.feeds import parse_feed
from collectors.items import Origin
from demo.feeds import render
from demo.town import CONFIG, NICKNAMES, load_town
from runtime.clock import ManualClock
from runtime.health import HealthBoard
from runtime.metrics import Metrics
from runtime.settings import load_config
from schemas.codec import encode
from schemas.posts import RawPost
from storage.correcting import CorrectionRequest, write_correction
from storage.corrections import agreement, corrections, labelled_posts
from storage.migrate import shipped_views
from storage.posts import drop_before, insert_posts
from storage.store import Store
from tests.made import START, minutes, raw_post, tagged
from tests.stores import chdb_store

PERSONAL = ("author", "user", "nick", "avatar", "person", "phone", "mail", "account", "profile")
# The office's own staff, in their own audit trail; what they note is in none of the views.
ALLOWED = {(table, "operator") for table in ("actions", "corrections", "tag_changes")}
NOTES = {("actions", "note"), ("corrections", "note")}
END_OF_STORY = 3 * 24 * 60


def test_no_column_is_for_a_person(tmp_path: Path) -> None:
    with chdb_store(tmp_path) as store:
        columns = store.rows(
            "SELECT table, name FROM system.columns WHERE database = currentDatabase()"
        )
    assert ("posts", "body") in columns
    wrong = [column for column in columns if any(word in column[1] for word in PERSONAL)]
    assert wrong == []
    assert {column for column in columns if column[1] == "operator"} == ALLOWED
    assert {column for column in columns if "note" in column[1]} == NOTES


def stored_text(store: Store) -> str:
    """All that any table holds, as text."""
    tables = store.rows("SELECT name FROM system.tables WHERE database = currentDatabase()")
    return "\n".join(
        store.ask(f"SELECT * FROM {table}", "JSONEachRow").decode()  # noqa: S608
        for (table,) in tables
    )


def test_a_whole_town_is_stored_without_its_authors_and_contacts(tmp_path: Path) -> None:
    config, story, clock = load_config(CONFIG), load_town(), ManualClock(START)
    log = MemoryLog(1, clock)
    for source in config.sources:
        document = render(story, source.id, START, END_OF_STORY)
        assert any(name in document.data.decode("gb18030", "ignore") for name in NICKNAMES) or any(
            name in document.data.decode("utf-8", "ignore") for name in NICKNAMES
        ), f"{source.id} carries no author: it would prove nothing"
        for post in parse_feed(document.data, Origin(source.id, source.kind, source.url)).posts:
            fields = {name: getattr(post, name) for name in post.__struct_fields__}
            raw = RawPost(**{**fields, "seen_at": START, "counted_at": START})
            log.publish(POSTS, [Entry(source.id, encode(raw))])
    with chdb_store(tmp_path) as store:
        parts = AnalyzerParts(config, log, store, clock, HealthBoard(), Metrics())
        analyzer = Analyzer(parts)
        reader = log.reader("analyzers", STREAMS[:3])
        while analyzer.consumer.health.handled < len(story.posts):
            analyzer.consumer.step(reader)
        text = stored_text(store)
    assert "青禾区第一小学" in text
    assert [name for name in NICKNAMES if name in text] == []
    assert "[电话]" in text
    assert "[账号]" in text
    for contact in ("13800001234", "mail.example"):
        assert contact not in text


NOTE = "班主任自己说的"


def test_what_a_corrector_notes_stays_in_the_store_and_goes_with_the_text(tmp_path: Path) -> None:
    with chdb_store(tmp_path) as store:
        insert_posts(store, [tagged(raw_post("1"))])
        said = CorrectionRequest("bbs", "1", "王", topics=("fees",), note=NOTE)
        write_correction(store, said, ManualClock(START), ("fees",))
        assert NOTE in stored_text(store)
        given_out = (corrections(store, START), agreement(store, START), labelled_posts(store))
        assert all(given_out)
        views = [
            store.ask(f"SELECT * FROM {view.name}", "JSONEachRow").decode()  # noqa: S608
            for view in shipped_views()
        ]
        assert NOTE not in f"{given_out}{views}"
        drop_before(store, START + minutes(1))
        assert store.rows("SELECT topics FROM corrections FINAL") == [(["fees"],)]
        assert NOTE not in stored_text(store)

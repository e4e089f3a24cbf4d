"""What the software never takes in: no field of any feed brings a person to the bus."""

import json
from pathlib import Path

import msgspec
import pytest

import schemas.posts
from bus.log import STREAMS
from bus.memory_log import MemoryLog
from collectors.answers import Answer, ScriptedFetcher
from collectors.holdings import AllMine
from collectors.state import State
from collectors.worker import Collector, Parts
from runtime.clock import ManualClock
from runtime.config import DataSettings, Settings, Source
from schemas.posts import PollOutcome, SourceKind
from tests.collectors.documents import NOW, item, rss

NAME = "王小明哨兵"
# In a running text an address ends where Chinese begins.
ALIAS = "sentinel_wang99"
PROFILE = f"https://bbs.example.cn/space-uid-{NAME}.html"
LINK = f"<a href='{PROFILE}'>{NAME}</a>"

RSS_FIELDS = [
    f"<author>{NAME}@x.cn ({NAME})</author>",
    f"<dc:creator>{NAME}</dc:creator>",
    f"<dc:contributor>{NAME}</dc:contributor>",
    f"<dc:publisher>{NAME}</dc:publisher>",
    f"<itunes:author>{NAME}</itunes:author>",
    f"<media:credit role='author'>{NAME}</media:credit>",
    f"<media:thumbnail url='https://x.cn/avatar/{NAME}.png'/>",
    f"<atom:author><atom:name>{NAME}</atom:name><atom:uri>{PROFILE}</atom:uri></atom:author>",
    f"<atom:contributor><atom:name>{NAME}</atom:name></atom:contributor>",
    f"<source url='{PROFILE}'>{NAME}</source>",
    f"<category>{NAME}</category>",
    f"<enclosure url='https://x.cn/{NAME}.mp3'/>",
    f"<comments>https://x.cn/?uid={NAME}</comments>",
    f"<user>{NAME}</user><username>{NAME}</username><nickname>{NAME}</nickname>",
    f"<image><url>https://x.cn/{NAME}.png</url><title>{NAME}</title><link>{PROFILE}</link></image>",
    f"<atom:author><title>{NAME}</title><summary>{NAME}</summary></atom:author>",
    f"<user id='1'><title>{NAME}</title><description>{NAME}</description></user>",
]
CHANNEL_FIELDS = [
    f"<managingEditor>{NAME}</managingEditor>",
    f"<webMaster>{NAME}</webMaster>",
    f"<itunes:owner><itunes:name>{NAME}</itunes:name></itunes:owner>",
    f"<copyright>{NAME}</copyright>",
    f"<image><url>{PROFILE}</url><title>{NAME}</title></image>",
]
ATOM_FIELDS = [
    f"<author><name>{NAME}</name><uri>{PROFILE}</uri><email>{NAME}@x.cn</email></author>",
    f"<contributor><name>{NAME}</name></contributor>",
    f"<source><title>{NAME}</title><author><name>{NAME}</name></author></source>",
    f"<link rel='author' href='{PROFILE}'/>",
    f"<rights>{NAME}</rights>",
]
LINKS = [
    PROFILE,
    f"https://bbs.example.cn/t/1?uid={NAME}",
    f"https://bbs.example.cn/t/1?p=1&amp;from_uid={NAME}",
    f"https://bbs.example.cn/t/1?author={NAME}",
    f"https://bbs.example.cn/t/1?userid={NAME}",
    f"https://{NAME}@bbs.example.cn/t/1",
    f"https://bbs.example.cn/t/1#{NAME}",
    f"https://bbs.example.cn/u/{NAME}/t/1",
    f"https://bbs.example.cn/user/{NAME}",
    f"https://bbs.example.cn/@{NAME}/1",
]
JSON_FIELDS: list[dict[str, object]] = [
    {"author": {"name": NAME, "url": PROFILE, "avatar": PROFILE}},
    {"authors": [{"name": NAME, "url": PROFILE, "avatar": PROFILE}]},
    {"image": f"https://x.cn/{NAME}.png", "tags": [NAME], "_user": NAME},
    {"attachments": [{"url": PROFILE, "title": NAME}]},
]


def atom(fields: str) -> bytes:
    entry = f"<entry><id>1</id><title>t</title><link href='https://x.cn/1'/>{fields}</entry>"
    return f"<feed xmlns='http://www.w3.org/2005/Atom'>{fields}{entry}</feed>".encode()


def json_feed(fields: dict[str, object]) -> bytes:
    entry = {"id": "1", "title": "t", "content_html": f"<p>{LINK}</p>", **fields}
    version = "https://jsonfeed.org/version/1.1"
    return json.dumps({"version": version, "items": [entry], **fields}).encode()


DOCUMENTS = [
    *[rss(item(1, extra=field)) for field in RSS_FIELDS],
    *[rss(f"<item>{field}{item(1)[6:]}") for field in RSS_FIELDS],
    *[rss(item(1), head=field) for field in CHANNEL_FIELDS],
    *[rss(f"<item><title>t</title><link>{link}</link></item>") for link in LINKS],
    *[rss(f"<item><title>t</title><guid>{link}</guid></item>") for link in LINKS],
    *[rss(f"<item><title>见 {link.replace(NAME, ALIAS)} 。</title></item>") for link in LINKS],
    rss(f"<item><title>t</title><description><![CDATA[{LINK} 写道：]]></description></item>"),
    *[atom(field) for field in ATOM_FIELDS],
    *[rss(f"<item>{field}<link>https://x.cn/1</link></item>") for field in RSS_FIELDS],
    *[rss(f"<item><link>https://x.cn/1</link>{field} a & b</item>") for field in RSS_FIELDS],
    *[json_feed(field) for field in JSON_FIELDS],
    # Damaged XML is read by another reader, with the same outcome.
    *[rss(item(1, "a & b", field)) for field in RSS_FIELDS],
    f"<html><title>t</title><body>{NAME}</body></html>".encode(),
    json.dumps({"users": [{"name": NAME}]}).encode(),
]


def everything_published(folder: Path, document: bytes) -> str:
    log = MemoryLog()
    state = State(folder / "collector.sqlite")
    source = Source(id="s", name="s", kind=SourceKind.FORUM, url="https://bbs.example.cn/rss")
    fetcher = ScriptedFetcher(lambda ask: Answer(PollOutcome.OK, ask.url, 200, document))
    settings = Settings(data=DataSettings(dir=folder))
    Collector(Parts(settings, AllMine((source,), log, state), ManualClock(NOW), fetcher)).run_once()
    state.close()
    records = log.reader("limits", STREAMS).poll(100, 0)
    return b"\n".join(record.value for record in records).decode()


@pytest.mark.parametrize("document", DOCUMENTS, ids=range(len(DOCUMENTS)))
def test_no_author_reaches_the_bus_from_any_field(tmp_path: Path, document: bytes) -> None:
    published = everything_published(tmp_path, document)
    assert '"schema":"poll/1"' in published
    assert NAME not in published
    assert ALIAS not in published


def test_a_sentinel_in_the_text_would_be_found(tmp_path: Path) -> None:
    assert NAME in everything_published(tmp_path, rss(item(1, f"{NAME}老师")))


PEOPLE = ("author", "user", "nick", "avatar", "person", "handle", "creator", "poster", "profile")


def test_no_message_has_a_field_for_a_person() -> None:
    structs = [each for each in vars(schemas.posts).values() if isinstance(each, type)]
    fields = {
        field.name
        for struct in structs
        if issubclass(struct, msgspec.Struct)
        for field in msgspec.structs.fields(struct)
    }
    assert {"title", "body", "counted_at"} <= fields
    assert [name for name in fields for person in PEOPLE if person in name] == []


def test_contacts_in_texts_are_masked_on_the_bus(tmp_path: Path) -> None:
    text = "打13800138000，身份证11010519491231002X，a@b.cn，微信zhang_san1，QQ：12345678"
    published = everything_published(tmp_path, rss(item(1, text)))
    assert "打[电话]，身份证[证件]，[邮箱]，微信[账号]，QQ：[账号]" in published
    assert "13800138000" not in published

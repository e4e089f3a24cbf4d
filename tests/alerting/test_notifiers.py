"""What every notifier must do, and what the webhook makes of a receiver's answer."""

import io
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from alerting.notifiers import build
from alerting.notifiers.console import ConsoleNotifier
from alerting.notifiers.webhook import WebhookNotifier
from alerting.wording import KINDS, REASONS, Notice, word
from runtime.config import NotifySettings, WebhookSettings
from schemas.matters import (
    DeliveryOutcome,
    Event,
    EventKind,
    MatterKey,
    NotifyReason,
    Tier,
    Window,
)
from tests.engines.process import free_port
from tests.made import START, minutes

EVENT = Event(
    matter_id="food_safety-1",
    sequence=2,
    key=MatterKey("food_safety", "第一小学"),
    at=START,
    kind=EventKind.RAISED,
    tier=Tier.GRAVE,
    reason=NotifyReason.DANGER,
    window=Window(
        posts=12,
        concerns=8,
        stories=9,
        sites=3,
        sources=4,
        replies=45,
        views=0,
        coverage=0.8,
    ),
    report_by=START + minutes(60),
)
NOTICE = word(EVENT, {"food_safety": "食品安全"})


class Receiver:
    """A real server that answers what a test tells it to, and keeps what it was sent."""

    def __init__(self) -> None:
        self.status, self.answer = 200, b"ok"
        self.requests: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((dict(self.headers), body))
                self.send_response(receiver.status)
                self.send_header("Content-Length", str(len(receiver.answer)))
                self.end_headers()
                self.wfile.write(receiver.answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?key=SECRET"
        self.thread = Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def test_a_warning_says_what_where_how_much_and_by_when() -> None:
    assert NOTICE.text.splitlines() == [
        "【回声·特别重大·待核实】第一小学 · 食品安全",
        "升级：有帖子称有人受伤、患病或处于危险（11月02日 08:00）",
        "24 小时：12 帖，其中 8 条待答复；3 个网站，新增回复 45；采集覆盖 80%，数字可能偏低",
        "请于 11月02日 09:00 前上报",
    ]


def test_every_kind_and_reason_has_its_words() -> None:
    assert set(KINDS) == set(EventKind)
    assert set(REASONS) == set(NotifyReason)


def test_the_terminal_shows_the_whole_warning() -> None:
    stream = io.StringIO()
    assert ConsoleNotifier(stream).send(NOTICE) == (DeliveryOutcome.SENT, "")
    for line in NOTICE.text.splitlines():
        assert line.split("：")[0] in stream.getvalue()


def test_the_webhook_carries_text_event_and_id(receiver: Receiver) -> None:
    assert WebhookNotifier("office", receiver.url).send(NOTICE) == (DeliveryOutcome.SENT, "")
    ((headers, body),) = receiver.requests
    sent = json.loads(body)
    assert sent["msgtype"] == "text"
    assert sent["text"]["content"] == NOTICE.text
    assert sent["event_id"] == headers["Idempotency-Key"] == "food_safety-1.2"
    assert sent["event"]["window"]["posts"] == 12


@pytest.mark.parametrize(
    ("status", "answer", "outcome"),
    [
        (200, b'{"errcode":0,"errmsg":"ok"}', DeliveryOutcome.SENT),
        (204, b"", DeliveryOutcome.SENT),
        (200, b'{"errcode":93000,"errmsg":"invalid webhook url"}', DeliveryOutcome.REJECTED),
        (200, b'{"errcode":45009,"errmsg":"freq out of limit"}', DeliveryOutcome.FAILED),
        (500, b"", DeliveryOutcome.FAILED),
        (429, b"", DeliveryOutcome.FAILED),
        (404, b"", DeliveryOutcome.REJECTED),
        (302, b"", DeliveryOutcome.REJECTED),
    ],
)
def test_an_answer_is_read_for_what_it_means(
    receiver: Receiver, status: int, answer: bytes, outcome: DeliveryOutcome
) -> None:
    receiver.status, receiver.answer = status, answer
    assert WebhookNotifier("office", receiver.url).send(NOTICE)[0] is outcome


def test_a_receiver_that_is_away_may_be_tried_again_and_its_key_does_not_show() -> None:
    away = WebhookNotifier("office", f"http://127.0.0.1:{free_port()}/hook?key=SECRET")
    outcome, detail = away.send(NOTICE)
    assert outcome is DeliveryOutcome.FAILED
    assert "SECRET" not in detail


def test_settings_say_which_notifiers_there_are() -> None:
    hook = WebhookSettings(name="office", url="http://hook.example/")
    assert [n.name for n in build(NotifySettings(webhook=(hook,)))] == ["console", "office"]
    assert build(NotifySettings(console=False)) == []


class Recorder:
    """A notifier for tests of what sends through it."""

    def __init__(self, name: str = "office") -> None:
        self.name = name
        self.outcome = DeliveryOutcome.SENT
        self.sent: list[str] = []

    def send(self, notice: Notice) -> tuple[DeliveryOutcome, str]:
        self.sent.append(notice.event.id)
        return self.outcome, ""

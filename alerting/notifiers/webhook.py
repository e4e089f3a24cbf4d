"""Warnings by HTTP POST, in the form that WeCom's and DingTalk's group robots take as well.

The event's id goes along, so that a receiver knows a repeat. Both robots answer 200 with an
`errcode` when they refuse, so the body of the answer is read.
"""

import httpx
import msgspec

from alerting.wording import Notice
from schemas.matters import DeliveryOutcome

TIMEOUT_SECONDS = 10.0
# The receiver is busy or slow: the same request may go through later.
PASSING_STATUS = frozenset({408, 425, 429})
# WeCom 45009 and DingTalk 130101/410100: too many messages a minute; -1: the provider's own fault.
PASSING_ERRCODES = frozenset({-1, 45009, 130101, 410100})


class _Answer(msgspec.Struct):
    errcode: int = 0
    errmsg: str = ""


class WebhookNotifier:
    def __init__(self, name: str, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self.name = name
        self.url = url
        self.client = httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False, transport=transport)

    def send(self, notice: Notice) -> tuple[DeliveryOutcome, str]:
        event = notice.event
        body = {
            "msgtype": "text",
            "text": {"content": notice.text},
            "event_id": event.id,
            "event": event,
            "topic_name": notice.topic,
        }
        headers = {"Content-Type": "application/json", "Idempotency-Key": event.id}
        try:
            reply = self.client.post(self.url, content=msgspec.json.encode(body), headers=headers)
        except httpx.HTTPError as error:
            # Its words, not its address: a robot's URL holds its key.
            return DeliveryOutcome.FAILED, f"no answer ({type(error).__name__}); check the address"
        return _outcome(reply)


def _outcome(reply: httpx.Response) -> tuple[DeliveryOutcome, str]:
    if not reply.is_success:
        passing = reply.status_code >= 500 or reply.status_code in PASSING_STATUS
        outcome = DeliveryOutcome.FAILED if passing else DeliveryOutcome.REJECTED
        return outcome, f"HTTP {reply.status_code}; check the address and its key"
    try:
        answer = msgspec.json.decode(reply.content, type=_Answer)
    except msgspec.DecodeError:
        return DeliveryOutcome.SENT, ""
    if answer.errcode == 0:
        return DeliveryOutcome.SENT, ""
    passing = answer.errcode in PASSING_ERRCODES
    outcome = DeliveryOutcome.FAILED if passing else DeliveryOutcome.REJECTED
    return outcome, f"errcode {answer.errcode}: {answer.errmsg[:200]}"

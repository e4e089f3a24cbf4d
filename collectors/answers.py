"""What is asked of a site and what came back; the seam between the worker and the network."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from schemas.posts import PollOutcome


@dataclass(frozen=True)
class Ask:
    """A conditional request: what the site said of the copy that we know."""

    url: str
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True)
class Answer:
    """`url` is where the redirects ended; `wait_seconds` the pause that the site asked for.

    `message` says finding and remedy, and is empty when all went well.
    """

    outcome: PollOutcome
    url: str
    status: int | None = None
    body: bytes = b""
    charset: str | None = None
    etag: str = ""
    last_modified: str = ""
    wait_seconds: float = 0
    message: str = ""


class Fetcher(Protocol):
    """Thread-safe."""

    def fetch(self, ask: Ask) -> Answer:
        """Blocks for the configured timeout at most; every failure is an Answer, never an error."""
        ...


class ScriptedFetcher:
    """The fake that ships: answers from a function and remembers what was asked."""

    def __init__(self, reply: Callable[[Ask], Answer]) -> None:
        self.reply = reply
        self.asked: list[Ask] = []

    def fetch(self, ask: Ask) -> Answer:
        self.asked.append(ask)
        return self.reply(ask)

"""A fetcher that asks a site's robots.txt first, and keeps to it. Wraps the one that fetches."""

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

from protego import Protego

from collectors.answers import Answer, Ask, Fetcher
from runtime.clock import Clock
from schemas.posts import PollOutcome

# RFC 9309, 2.4: a copy is not used for longer than a day.
_KEPT = timedelta(hours=24)
# RFC 9309, 2.3.1.4: while a site's robots.txt can't be had, the site is not to be asked.
_TRIED_AGAIN = timedelta(minutes=10)


@dataclass(frozen=True)
class _Known:
    until: datetime
    rules: Protego | None
    trouble: Answer | None = None


class PoliteFetcher:
    """`agent` is the name by which robots.txt may address us."""

    def __init__(self, fetcher: Fetcher, agent: str, clock: Clock) -> None:
        self.fetcher, self.agent, self.clock = fetcher, agent, clock
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def fetch(self, ask: Ask) -> Answer:
        known = self._rules_for(ask.url)
        if known.trouble:
            message = f"robots.txt of this site can't be had ({known.trouble.message}); tried again"
            return replace(known.trouble, url=ask.url, body=b"", message=message)
        if known.rules is None:
            return self.fetcher.fetch(ask)
        if not known.rules.can_fetch(ask.url, self.agent):
            message = (
                "the site's robots.txt does not admit us to this address; ask the site, or remove "
                "the source from sources.toml"
            )
            return Answer(PollOutcome.REFUSED, ask.url, message=message)
        answer = self.fetcher.fetch(ask)
        delay = known.rules.crawl_delay(self.agent) or 0
        return replace(answer, wait_seconds=max(answer.wait_seconds, float(delay)))

    def _rules_for(self, url: str) -> _Known:
        parts = urlsplit(url)
        origin = urlunsplit((parts.scheme, parts.netloc, "/robots.txt", "", ""))
        with self._lock:
            known = self._known.get(origin)
        if known and self.clock.now() < known.until:
            return known
        read = self._read(origin)
        with self._lock:
            self._known[origin] = read
        return read

    def _read(self, origin: str) -> _Known:
        answer = self.fetcher.fetch(Ask(origin))
        now = self.clock.now()
        if answer.outcome is PollOutcome.OK:
            return _Known(now + _KEPT, Protego.parse(answer.body.decode("utf-8", "replace")))
        if answer.status is not None and 400 <= answer.status < 500 and answer.status != 429:
            return _Known(now + _KEPT, None)
        return _Known(now + _TRIED_AGAIN, None, answer)

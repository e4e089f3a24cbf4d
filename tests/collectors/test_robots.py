"""robots.txt is asked for first, kept for a day, and kept to."""

from datetime import timedelta

import pytest

from collectors.answers import Answer, Ask, ScriptedFetcher
from collectors.robots import PoliteFetcher
from runtime.clock import ManualClock
from schemas.posts import PollOutcome
from tests.made import START

FEED = "http://bbs.example/rss"
ROBOTS = "http://bbs.example/robots.txt"


class Site:
    """Answers feeds with OK and robots.txt with what a test says; remembers what was asked."""

    def __init__(self, robots: Answer) -> None:
        self.robots = robots
        self.asked: list[str] = []
        self.clock = ManualClock(START)
        self.fetcher = PoliteFetcher(ScriptedFetcher(self.reply), "huisheng", self.clock)

    def reply(self, ask: Ask) -> Answer:
        self.asked.append(ask.url)
        if ask.url.endswith("/robots.txt"):
            return self.robots
        return Answer(PollOutcome.OK, ask.url, 200, b"<rss/>")

    def fetch(self, url: str = FEED) -> Answer:
        return self.fetcher.fetch(Ask(url))


def rules(text: str) -> Answer:
    return Answer(PollOutcome.OK, ROBOTS, 200, text.encode())


def test_what_is_admitted_is_fetched_and_the_rules_are_kept_for_a_day() -> None:
    site = Site(rules("User-agent: *\nDisallow: /private\n"))
    assert site.fetch().outcome is PollOutcome.OK
    site.fetch()
    assert site.asked == [ROBOTS, FEED, FEED]
    site.clock.advance(timedelta(hours=24))
    site.fetch()
    assert site.asked[3:] == [ROBOTS, FEED]


def test_what_is_not_admitted_is_not_asked_for() -> None:
    site = Site(rules("User-agent: huisheng\nDisallow: /rss\n"))
    answer = site.fetch()
    assert answer.outcome is PollOutcome.REFUSED
    assert "robots.txt does not admit us to this address; ask the site" in answer.message
    assert site.asked == [ROBOTS]


def test_each_site_has_rules_of_its_own() -> None:
    site = Site(rules("User-agent: *\nDisallow: /\n"))
    site.fetch("http://a.example/rss")
    site.fetch("http://a.example:8080/rss")
    assert len(site.asked) == 2


def test_a_crawl_delay_lengthens_the_pause() -> None:
    site = Site(rules("User-agent: *\nCrawl-delay: 3600\n"))
    assert site.fetch().wait_seconds == 3600


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_site_without_rules_admits_everything(status: int) -> None:
    site = Site(Answer(PollOutcome.HTTP_ERROR, ROBOTS, status, message="gone"))
    assert site.fetch().outcome is PollOutcome.OK


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(PollOutcome.HTTP_ERROR, 503), (PollOutcome.HTTP_ERROR, 429), (PollOutcome.TIMEOUT, None)],
)
def test_while_the_rules_cannot_be_had_the_site_is_not_asked(
    outcome: PollOutcome, status: int | None
) -> None:
    site = Site(Answer(outcome, ROBOTS, status, message="slow"))
    answer = site.fetch()
    assert (answer.outcome, answer.url) == (outcome, FEED)
    assert answer.message == "robots.txt of this site can't be had (slow); tried again"
    site.fetch()
    assert site.asked == [ROBOTS]
    site.clock.advance(timedelta(minutes=10))
    site.robots = rules("")
    assert site.fetch().outcome is PollOutcome.OK

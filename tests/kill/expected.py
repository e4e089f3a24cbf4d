"""What the store must hold at the end, counted from the stream itself in a few plain lines."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from analyzers.tag import load_tagger
from runtime.config import Config
from schemas.posts import Owed, Post, SourceKind, Tags
from tests.kill.posts import MadePost, Stream, kind_of

HOUR = 3600
OPENERS = 3
Place = tuple[int, str, str]
Key = tuple[str, str]


@dataclass(frozen=True)
class Counts:
    """One row of hourly_counts: how many posts, concerns, dangers, stories and sites."""

    posts: int
    concerns: int
    danger: int
    stories: int
    sites: int


Tagged = list[tuple[MadePost, Tags]]


def tag_all(stream: Stream, config: Config) -> Tagged:
    tagger = load_tagger(config)
    return [(post, tagger.tag(_as_parsed(post))) for post in stream.posts]


def posts_by_hour(tagged: Tagged, first_seen: Mapping[str, datetime]) -> Counter[tuple[int, str]]:
    """By (hour, source). `first_seen`: the hours of undated posts, which no feed tells."""
    return Counter((_hour(post, first_seen), post.source) for post, _ in tagged)


def hourly_counts(tagged: Tagged, first_seen: Mapping[str, datetime]) -> dict[Place, Counts]:
    """By (hour, unit, topic): unit '*' is all posts, '' the area; topic '' is a unit's total."""
    found: dict[Place, Tagged] = defaultdict(list)
    for post, tags in tagged:
        hour = _hour(post, first_seen)
        found[hour, "*", ""].append((post, tags))
        for unit in tags.units or ("",):
            for topic in ("", *tags.topics):
                found[hour, unit, topic].append((post, tags))
    return {place: _counted(several) for place, several in found.items()}


def opened(tagged: Tagged, config: Config) -> tuple[set[Key], set[Key]]:
    """(topic, unit) of the matters that must open, and of those that must reach the last tier."""
    concerns: Counter[Key] = Counter()
    grave: set[Key] = set()
    told: set[Key] = set()
    for key, post, tags in _first_topics(tagged, config):
        concerns[key] += tags.concern
        if tags.danger:
            grave.add(key)
        elif kind_of(post.source) is SourceKind.NEWS and tags.owed in (
            Owed.COMPLAINT,
            Owed.CLAIM_TO_VERIFY,
        ):
            told.add(key)
    return grave | told | {key for key, count in concerns.items() if count >= OPENERS}, grave


def _first_topics(tagged: Tagged, config: Config) -> Iterator[tuple[Key, MadePost, Tags]]:
    silent = {topic.key for topic in config.topics if not topic.forms_matter}
    for post, tags in tagged:
        if tags.topics and tags.topics[0] not in silent:
            if kind_of(post.source) is SourceKind.NOTICE:
                continue
            for unit in tags.units or ("",):
                yield (tags.topics[0], unit), post, tags


def _counted(several: Tagged) -> Counts:
    return Counts(
        posts=len(several),
        concerns=sum(tags.owed is not Owed.MENTION for _, tags in several),
        danger=sum(tags.danger for _, tags in several),
        stories=len({tags.story_id for _, tags in several}),
        sites=len({post.site for post, _ in several}),
    )


def _hour(post: MadePost, first_seen: Mapping[str, datetime]) -> int:
    seconds = int((post.published or first_seen[post.id]).timestamp())
    return seconds - seconds % HOUR


def _as_parsed(post: MadePost) -> Post:
    return Post(
        id=post.id,
        source=post.source,
        source_kind=kind_of(post.source),
        url=post.url,
        title=post.title,
        body=post.body,
        published_at=post.published,
    )

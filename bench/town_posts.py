"""Posts for measuring: the sample town's texts, spread over three days and many sources."""

import random
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from demo.town import load_town
from schemas.posts import Post, RawPost, SourceKind

START = datetime(2026, 11, 2, tzinfo=UTC)
KINDS = (SourceKind.FORUM, SourceKind.FORUM, SourceKind.SOCIAL, SourceKind.NEWS, SourceKind.NOTICE)


def town_posts(count: int) -> list[Post]:
    """The same posts for the same count."""
    chosen = random.Random(1)
    texts = load_town().posts
    made = []
    for number in range(count):
        text, source = chosen.choice(texts), number % 20
        made.append(
            Post(
                id=str(number),
                source=f"s{source}",
                source_kind=KINDS[source % len(KINDS)],
                url=f"http://s{source}.example/{number}",
                title=text.title,
                body=text.body,
                published_at=START + timedelta(seconds=chosen.randrange(3 * 86_400)),
                replies=chosen.choice([None, chosen.randrange(60)]),
            )
        )
    return made


def raw_posts(count: int, seen_at: datetime = START) -> list[RawPost]:
    """As collectors publish them: seen at `seen_at`, counted within the hour before."""
    return [
        RawPost(
            id=post.id,
            source=post.source,
            source_kind=post.source_kind,
            url=post.url,
            title=post.title,
            body=post.body,
            published_at=seen_at - timedelta(seconds=number % 3600),
            seen_at=seen_at,
            counted_at=seen_at - timedelta(seconds=number % 3600),
        )
        for number, post in enumerate(town_posts(count))
    ]


def town_letters(count: int, signs: int = 250) -> list[Post]:
    """Posts of at least so many signs, each joined from several of the town's."""
    letters: list[Post] = []
    parts: list[str] = []
    for post in town_posts(count * signs):
        parts += [post.title, post.body]
        body = "\n".join(part for part in parts[1:] if part)
        if len(parts[0]) + len(body) < signs:
            continue
        letters.append(replace(post, title=parts[0], body=body))
        parts = []
        if len(letters) == count:
            break
    return letters

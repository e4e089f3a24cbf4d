"""One post with its tags and the form by which an operator judges them. Reads the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dashboard.cards import web_address
from dashboard.facts import PageParts
from dashboard.tagging import (
    LOOK_BACK,
    TagLine,
    department_name,
    of_district,
    post_address,
    tag_line,
    topic_name,
)
from dashboard.times import long_moment
from dashboard.words import CATALOGUE, Words, other
from schemas.corrections import Labels
from schemas.posts import Owed
from storage.correcting import MOST_TOPICS, CorrectionRequest
from storage.reading import ReadPost, judgements, read_post

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DEPARTMENT = "department_"


@dataclass(frozen=True)
class PostAsked:
    """`at`: its counted_at in milliseconds, which says where it is stored; `back`: whence."""

    source: str
    id: str
    at: int
    back: str


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Form:
    """`topics`: the choices of each of the fields; `departments`: empty but for a district."""

    topics: tuple[tuple[Option, ...], ...]
    owed: tuple[Option, ...]
    danger: bool
    departments: tuple[Option, ...]
    operator: str
    note: str


@dataclass(frozen=True)
class PostPage:
    title: str
    asked: PostAsked
    url: str
    source: str
    at: str
    thread: str
    body: str
    tags: TagLine
    versions: str
    form: Form
    back: str
    other_language: str


def look_at(
    parts: PageParts, asked: PostAsked, words: Words, said: CorrectionRequest | None
) -> PostPage | None:
    """None for a post that is not stored, or no longer. `said`: what was refused, as typed."""
    at = EPOCH + timedelta(milliseconds=asked.at)
    post = read_post(parts.store, asked.source, asked.id, at)
    if post is None:
        return None
    key = (post.source, post.id)
    judgement = judgements(parts.store, {key}).get(key)
    names = {source.id: source.name for source in parts.config.sources}
    labels = _typed(said) if said else judgement.said if judgement else post.labels
    tags = tag_line((post.labels, post.why), judgement, parts.config, words)
    return PostPage(
        title=post.title.strip() or words("untitled"),
        asked=asked,
        url=web_address(post.url),
        source=names.get(post.source, post.source),
        at=long_moment(post.counted_at),
        thread="" if post.thread_title == post.title else post.thread_title,
        body=post.body,
        tags=tags,
        versions=versions_text(post.rules_version, post.model_version, words),
        form=_form(parts, (post, labels), said, words),
        back=_back(asked.back, words),
        other_language=post_address((*key, post.counted_at), asked.back, other(words)),
    )


def versions_text(rules: str, model: str, words: Words) -> str:
    return words("versions", rules=rules or words("unknown"), model=model or words("no_model"))


def _back(back: str, words: Words) -> str:
    return f"/reading?lang={words.language}" if back == LOOK_BACK else f"/?lang={words.language}"


def _typed(said: CorrectionRequest) -> Labels:
    owed = Owed(said.owed) if said.owed in list(Owed) else Owed.MENTION
    return Labels(
        topics=said.topics or (),
        owed=owed,
        danger=bool(said.danger),
        department=said.department or "",
    )


def _form(
    parts: PageParts,
    labelled: tuple[ReadPost, Labels],
    said: CorrectionRequest | None,
    words: Words,
) -> Form:
    post, labels = labelled
    keys = [topic.key for topic in parts.config.topics]
    names = [(key, topic_name(parts.config, key, words)) for key in keys]
    chosen = [*labels.topics, *[""] * MOST_TOPICS]
    return Form(
        topics=tuple(_options(names, chosen[place]) for place in range(MOST_TOPICS)),
        owed=_options([(each, words(f"owed_{each}")) for each in Owed], labels.owed),
        danger=labels.danger,
        departments=_departments(post, labels, words) if of_district(parts.config) else (),
        operator=said.operator if said else "",
        note=said.note if said else "",
    )


def _departments(post: ReadPost, labels: Labels, words: Words) -> tuple[Option, ...]:
    """Those of the catalogue, and what this post has, where others were trained."""
    known = [key.removeprefix(DEPARTMENT) for key in CATALOGUE if key.startswith(DEPARTMENT)]
    own = {post.labels.department, labels.department} - {"", *known}
    names = [(each, department_name(each, words)) for each in [*known, *sorted(own)]]
    return _options(names, labels.department)


def _options(names: Sequence[tuple[str, str]], chosen: str) -> tuple[Option, ...]:
    return tuple(Option(value, label, value == chosen) for value, label in names)

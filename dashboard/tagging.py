"""A post's tags as the page shows them: names, why each stands, what an operator said. Pure."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from urllib.parse import urlencode

from dashboard.times import moment
from dashboard.words import CATALOGUE, Words
from runtime.config import Config
from schemas.corrections import Labels
from schemas.posts import Owed, Why
from storage.reading import Judgement

LOOK_BACK = "reading"


@dataclass(frozen=True)
class WhyLine:
    tag: str
    by: str
    words: str


@dataclass(frozen=True)
class TagLine:
    """`department`: empty but for a district's page; `judged`: empty while nobody has judged."""

    topics: tuple[str, ...]
    owed: str
    danger: bool
    department: str
    why: tuple[WhyLine, ...]
    judged: str
    confirmed: bool


def topic_name(config: Config, key: str, words: Words) -> str:
    """The key itself for a topic that the configuration no longer has."""
    for topic in config.topics:
        if topic.key == key:
            return topic.name if words.language == "zh" else topic.name_en
    return key


def department_name(department: str, words: Words) -> str:
    """As it was trained, for one that the catalogue does not know."""
    key = f"department_{department}"
    return words(key) if key in CATALOGUE else department


def tag_line(
    tagged: tuple[Labels, tuple[Why, ...]],
    judgement: Judgement | None,
    config: Config,
    words: Words,
) -> TagLine:
    labels, why = tagged
    district = of_district(config)
    hidden = () if district else ("department", labels.department)
    confirmed = judgement is not None and _judged(judgement.said, config) == _judged(labels, config)
    return TagLine(
        topics=tuple(topic_name(config, key, words) for key in labels.topics),
        owed=words(f"owed_{labels.owed.value}"),
        danger=labels.danger,
        department=department_name(labels.department, words) if district else "",
        why=tuple(_why(each, config, words) for each in why if each.tag not in hidden),
        judged=_said(judgement, confirmed, config, words),
        confirmed=confirmed,
    )


def of_district(config: Config) -> bool:
    """Who must answer is a question of district offices; in a school it is the school."""
    return config.settings.page.profile == "district"


def said_text(labels: Labels, config: Config, words: Words) -> str:
    names = [topic_name(config, key, words) for key in labels.topics]
    parts = [*names, words(f"owed_{labels.owed.value}")]
    parts.append(words("danger" if labels.danger else "no_danger"))
    if of_district(config) and labels.department:
        parts.append(department_name(labels.department, words))
    return " · ".join(parts)


def post_key(source: str, post_id: str) -> str:
    """Names a post within the page, whatever its id is made of."""
    return blake2b(f"{source}\n{post_id}".encode(), digest_size=6).hexdigest()


def post_address(post: tuple[str, str, datetime], back: str, words: Words) -> str:
    """Of the page on which a post can be judged; `back`: a matter's id, or LOOK_BACK."""
    source, post_id, counted_at = post
    at = round(counted_at.timestamp() * 1000)
    asked = {"lang": words.language, "source": source, "id": post_id, "at": at, "back": back}
    return f"/post?{urlencode(asked)}"


def _judged(labels: Labels, config: Config) -> tuple[object, ...]:
    department = labels.department if of_district(config) else ""
    return labels.topics, labels.owed, labels.danger, department


def _said(judgement: Judgement | None, confirmed: bool, config: Config, words: Words) -> str:
    if judgement is None:
        return ""
    at = moment(judgement.at)
    if confirmed:
        return words("judged_right", at=at)
    return words("judged_wrong", said=said_text(judgement.said, config, words), at=at)


def _why(why: Why, config: Config, words: Words) -> WhyLine:
    key = f"by_{why.by}"
    by = words(key) if key in CATALOGUE else why.by
    score = "" if why.score is None else f" {why.score:.2f}"
    return WhyLine(_tag_name(why.tag, config, words), by + score, " · ".join(why.words))


def _tag_name(tag: str, config: Config, words: Words) -> str:
    if tag in list(Owed):
        return words(f"owed_{tag}")
    if tag in ("danger", "units", "department"):
        return words(tag)
    return department_name(topic_name(config, tag, words), words)

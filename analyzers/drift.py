"""How well posts are read, as numbers: tags in, what is told of them to Prometheus. Worker calls.

Of drift nobody complains: the share of posts without a topic and the model's scores tell it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from runtime.metrics import Metrics, TopicKind
from schemas.posts import TaggedPost, Tags

OWN: dict[str, TopicKind] = {
    "": "none",
    "education_other": "education_other",
    "not_education": "not_education",
}


@dataclass(frozen=True)
class Sign:
    """`score`: of the first topic, None where no model gave it."""

    topic: TopicKind
    score: float | None


def sign_of(tags: Tags) -> Sign:
    first = tags.category or ""
    scores = [why.score for why in tags.why if why.tag == first and why.by == "model"]
    return Sign(OWN.get(first, "other"), next(iter(scores), None))


def tell_drift(metrics: Metrics, posts: Sequence[TaggedPost]) -> None:
    for post in posts:
        sign = sign_of(post.tags)
        metrics.posts_tagged.labels(sign.topic).inc()
        if sign.score is not None:
            metrics.topic_score.observe(sign.score)
    if posts:
        tags = posts[-1].tags
        metrics.tagged_by(tags.rules_version, tags.model_version)

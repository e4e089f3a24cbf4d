"""What is told of how well posts are read: first topics by kind, the model's scores, versions."""

import pytest

from analyzers.drift import Sign, sign_of, tell_drift
from runtime.metrics import Metrics
from schemas.posts import Why
from tests.made import raw_post, tagged, tags

RULE = Why(tag="food_safety", by="rule", words=("食堂",))
MODEL = Why(tag="food_safety", by="model", words=("饭菜",), score=0.72)
OWED = Why(tag="complaint", by="model", words=("投诉",), score=0.31)


@pytest.mark.parametrize(
    ("topics", "why", "expected"),
    [
        ((), (), Sign("none", None)),
        ((), (OWED,), Sign("none", None)),
        (("food_safety",), (RULE, OWED), Sign("other", None)),
        (("food_safety", "fees"), (RULE, MODEL, OWED), Sign("other", 0.72)),
        (("fees", "food_safety"), (MODEL,), Sign("other", None)),
        (("education_other",), (), Sign("education_other", None)),
        (("not_education",), (), Sign("not_education", None)),
    ],
)
def test_a_post_is_counted_by_its_first_topic(
    topics: tuple[str, ...], why: tuple[Why, ...], expected: Sign
) -> None:
    assert sign_of(tags(topics=topics, why=why)) == expected


def test_the_numbers_of_a_batch() -> None:
    metrics = Metrics()
    posts = [
        tagged(raw_post("1"), topics=(), rules_version="r1"),
        tagged(raw_post("2"), why=(MODEL,), rules_version="r2", model_version="m1"),
    ]
    tell_drift(metrics, posts)
    tell_drift(metrics, [])
    told = metrics.render(()).decode()
    assert 'huisheng_posts_tagged_total{topic="none"} 1.0' in told
    assert 'huisheng_posts_tagged_total{topic="other"} 1.0' in told
    assert 'huisheng_posts_tagged_total{topic="not_education"} 0.0' in told
    assert 'huisheng_topic_score_bucket{le="0.7"} 0.0' in told
    assert 'huisheng_topic_score_bucket{le="0.8"} 1.0' in told
    assert 'huisheng_tagger_info{model="m1",rules="r2"} 1.0' in told

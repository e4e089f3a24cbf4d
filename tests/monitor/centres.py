"""A small model of its own for the tests of `train` and `evaluate`, and invented posts for it."""

import csv
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from analyzers.labelled import Sample
from analyzers.model_files import Array, Arrays
from monitor.fitting import TrainOrder, train_model
from monitor.score_tables import Screen
from monitor.trials import Workbench
from runtime.clock import ManualClock
from runtime.config import Config
from runtime.settings import SHIPPED, load_config
from schemas.posts import Owed, Post, SourceKind, Tags, Why
from tests.made import tags

CLOCK = ManualClock(datetime(2026, 11, 2, tzinfo=UTC))
BUCKETS = 1 << 12
WORDS = {
    "fees": "收费学杂费太贵退钱",
    "exams": "考试成绩作弊监考排名",
    "boarding": "宿舍热水床铺熄灯",
}
ASKING = {"question": "请问什么时候能否", "complaint": "投诉太过分没人管"}
FILLER = "今天我们学校这个那边老师家长孩子觉得看到听说上午下午班里同学门口"


def signs(text: str) -> list[int]:
    return [ord(sign) % BUCKETS for sign in text]


@dataclass(frozen=True)
class Centres:
    """For each class of a head, how much likelier each sign is in its posts than in all."""

    heads: dict[str, tuple[str, ...]]
    weights: Arrays

    def arrays(self) -> Arrays:
        return self.weights

    def card_fields(self) -> dict[str, object]:
        return {"classes": self.heads, "features": {"buckets": BUCKETS}}

    @classmethod
    def of(cls, arrays: Arrays, fields: dict[str, object]) -> "Centres":
        return cls(dict(fields["classes"]), arrays)  # type: ignore[call-overload]

    def best(self, head: str, text: str) -> str:
        scores = self.weights[head][:, signs(text)].sum(axis=1)
        return self.heads[head][int(scores.argmax())]


def fit(
    samples: Sequence[Sample], config: Config, told: Callable[[float], None] | None = None
) -> Centres:
    heads, weights = {}, {}
    for head in ("topics", "owed"):
        names = tuple(sorted({label for each in samples for label in each.labels(head) or ()}))
        heads[head] = names
        weights[head] = np.stack([_likely(samples, head, name) for name in names])
    if told:
        told(1.0)
    return Centres(heads, weights)


def _likely(samples: Sequence[Sample], head: str, name: str) -> Array:
    counts = np.ones((2, BUCKETS))
    for each in samples:
        np.add.at(counts[int(name in (each.labels(head) or ()))], signs(each.title + each.body), 1)
    share = counts / counts.sum(axis=1, keepdims=True)
    likely: Array = np.log(share[1] / share[0])
    return likely


def tagger(config: Config, model: Centres | None) -> Callable[[Sequence[Post]], list[Tags]]:
    def tag(post: Post) -> Tags:
        if model is None:
            return tags(topics=(), owed=Owed.MENTION)
        text = post.title + post.body
        topic = model.best("topics", text)
        why = (Why(tag=topic, by="model", words=(), score=0.75),)
        return tags(topics=(topic,), owed=Owed(model.best("owed", text)), why=why)

    return lambda posts: [tag(post) for post in posts]


BENCH = Workbench(fit, tagger, Centres.of)


def fit_badly(
    samples: Sequence[Sample], config: Config, told: Callable[[float], None] | None = None
) -> Centres:
    """As if each topic were called by another's name."""
    names = dict(zip(WORDS, [*list(WORDS)[1:], "fees"], strict=True))
    return fit(
        [
            replace(each, topics=tuple(names[topic] for topic in each.topics or ()))
            for each in samples
        ],
        config,
        told,
    )


POOR = Workbench(fit_badly, tagger, Centres.of)


def written(path: Path, count: int = 120, seed: int = 0) -> Path:
    """Invented posts with their labels, a CSV."""
    chance = random.Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["title", "body", "topics", "owed", "danger"])
        for number in range(count):
            topic, owed = list(WORDS)[number % 3], list(ASKING)[number % 2]
            body = [*chance.choices(FILLER, k=20), *chance.choices(WORDS[topic], k=5)]
            body += chance.choices(ASKING[owed], k=5)
            chance.shuffle(body)
            writer.writerow(["", "".join(body), topic, owed, 0])
    return path


def labelled_as(body: str, topic: str = "exams") -> Sample:
    return Sample("", body, (topic,), Owed.QUESTION, False, None, SourceKind.FORUM, "a.csv:2")


def settings_for(folder: Path) -> Config:
    """The shipped rules, no model, and a data folder of its own."""
    found = load_config(SHIPPED)
    data = found.settings.data.model_copy(update={"dir": folder / "data"})
    analyze = found.settings.analyze.model_copy(update={"model": "none"})
    settings = found.settings.model_copy(update={"data": data, "analyze": analyze})
    return found.model_copy(update={"settings": settings})


def train(order: TrainOrder, config: Config, bench: Workbench[Centres] = BENCH) -> str:
    return train_model(order, config, bench, CLOCK, Screen()).version

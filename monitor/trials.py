"""How a model does on posts it has not seen: fitted on some folds, judged on the other.

What is judged is what runs: every tag comes from the analyzers. Called by monitor/learning.py."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from analyzers.folds import deal, groups
from analyzers.labelled import Sample, learnable
from analyzers.model_files import Array, Arrays
from runtime.config import Config
from runtime.errors import ConfigError
from schemas.posts import Post, Tags

AT_ONCE = 500
SEED = 0
# What fitting takes of the time of a fold, roughly: for the progress alone.
FITTING_SHARE = 0.9
# On fewer rows than this, two models can't be told apart.
ENOUGH_ROWS = 50
# So much is chance: on the mean over the heads, and on one of them.
MEAN_SLACK, SLACK = 0.005, 0.02

# What is under way, and the share of it that is done.
Step = Callable[[str, float], None]


class Fitted(Protocol):
    """What can be stored, and put together again by `Workbench.of`."""

    def arrays(self) -> Arrays: ...

    def card_fields(self) -> dict[str, object]: ...


M = TypeVar("M", bound=Fitted)


@dataclass(frozen=True)
class Workbench(Generic[M]):
    """How models are fitted, put to work, and made of stored arrays."""

    fit: Callable[[Sequence[Sample], Config, Callable[[float], None]], M]
    tagger: Callable[[Config, M | None], Callable[[Sequence[Post]], list[Tags]]]
    of: Callable[[Arrays, dict[str, object]], M]


@dataclass(frozen=True)
class Comparison:
    """One number a head, before and after, on the same `rows` or on each one's own."""

    how: str
    before: dict[str, float]
    after: dict[str, float]

    @property
    def heads(self) -> list[str]:
        return [head for head in self.after if head in self.before]

    @property
    def worse(self) -> bool:
        lost = [self.before[head] - self.after[head] for head in self.heads]
        return bool(lost) and (sum(lost) / len(lost) > MEAN_SLACK or max(lost) > SLACK)


@dataclass(frozen=True)
class Data:
    """What is judged, and what is only fitted on."""

    judged: list[Sample]
    others: list[Sample]

    @property
    def all(self) -> list[Sample]:
        return [*self.judged, *self.others]


def tag_all(
    bench: Workbench[M], model: M | None, config: Config, samples: Sequence[Sample], step: Step
) -> list[Tags]:
    tag = bench.tagger(config, model)
    tags: list[Tags] = []
    for start in range(0, len(samples), AT_ONCE):
        tags += tag([sample.post() for sample in samples[start : start + AT_ONCE]])
        step("tagging", len(tags) / len(samples))
    return tags


def cross_validate(
    bench: Workbench[M], data: Data, config: Config, k: int, step: Step
) -> list[Tags]:
    """The tags of each sample by a model that was fitted without its fold; in their order."""
    if not 2 <= k <= len(data.judged):
        finding = f"--folds {k}: takes 2 to the number of rows ({len(data.judged)})"
        message = f"{finding}; give another number, or more rows"
        raise ConfigError(message)
    group_of, count = groups(data.all), len(data.judged)
    fold_of = deal(data.judged, group_of[:count], k, SEED)
    tags: dict[int, Tags] = {}
    for fold in range(k):
        held = np.flatnonzero(fold_of == fold)
        training = _without(data.all, group_of, group_of[held])
        judged = [data.judged[index] for index in held.tolist()]
        inner = _within(step, fold / k, (fold + 1) / k, f"fold {fold + 1}/{k}: ")
        told = _fit_and_tag(bench, training, judged, config, inner)
        tags.update(zip(held.tolist(), told, strict=True))
    return [tags[index] for index in range(count)]


def split(bench: Workbench[M], data: Data, config: Config, step: Step) -> list[Tags]:
    """The tags of the judged by a model that was fitted on the others alone."""
    group_of, count = groups(data.all), len(data.judged)
    training = _without(data.all, group_of, group_of[:count])
    return _fit_and_tag(bench, training, data.judged, config, step)


def _fit_and_tag(
    bench: Workbench[M],
    training: Sequence[Sample],
    judged: Sequence[Sample],
    config: Config,
    step: Step,
) -> list[Tags]:
    step("fitting", 0.0)
    model = bench.fit(
        learnable(training), config, lambda share: step("fitting", share * FITTING_SHARE)
    )
    return tag_all(bench, model, config, judged, _within(step, FITTING_SHARE, 1.0))


def _within(step: Step, start: float, end: float, of: str = "") -> Step:
    """A part of the way, told as the share of the whole."""
    return lambda what, share: step(of + what, start + share * (end - start))


def _without(samples: Sequence[Sample], group_of: Array, held: Array) -> list[Sample]:
    """The samples that are in none of the groups `held`: no near copy of what is judged."""
    kept = ~np.isin(group_of, held)
    return [sample for sample, keep in zip(samples, kept.tolist(), strict=True) if keep]


def unseen(samples: Sequence[Sample], seen: Array) -> list[int]:
    """Which samples a model was not fitted on, by the digests that it keeps."""
    known = set(seen.tolist())
    return [index for index, sample in enumerate(samples) if sample.digest() not in known]

"""What `huisheng train` does, once its options are read: judge, compare, fit, save."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import Generic

import numpy as np

from analyzers.judging import Report, judge
from analyzers.labelled import (
    FEWEST,
    HEADS,
    Sample,
    class_counts,
    fold_equal,
    learnable,
    place_and_weight,
    read_files,
    scarce,
)
from analyzers.model_files import (
    CARD,
    SEEN,
    SETTINGS,
    Card,
    FittedOn,
    ModelError,
    folder_of,
    load,
    save,
    seen_rows,
)
from analyzers.versions import rules_version
from monitor.score_tables import Screen, comparison_table, tables
from monitor.trials import (
    ENOUGH_ROWS,
    Comparison,
    Data,
    M,
    Step,
    Workbench,
    cross_validate,
    tag_all,
    unseen,
)
from runtime.clock import Clock
from runtime.config import Config
from runtime.errors import ConfigError
from schemas.posts import Tags

PACKAGES = ("numpy", "scikit-learn", "rjieba", "jieba")
CORRECTIONS = "corrections"
OWN = "Fitted on the samples named here; it belongs to whoever they belong to."


@dataclass(frozen=True)
class TrainOrder:
    data: tuple[Path, ...]
    out: Path | None = None
    folds: int = 5
    note: str = ""
    force: bool = False
    corrections: tuple[Sample, ...] | None = None


@dataclass(frozen=True)
class Current(Generic[M]):
    """The model that the new one would replace, or None: the rules alone."""

    name: str
    folder: Path | None = None
    model: M | None = None
    card: Card | None = None


@dataclass(frozen=True)
class Trial:
    """The samples with the tags that a model gave which had not seen them."""

    samples: list[Sample]
    tags: list[Tags]

    @cached_property
    def report(self) -> Report:
        return judge(self.samples, self.tags)


def train_model(
    order: TrainOrder, config: Config, bench: Workbench[M], clock: Clock, screen: Screen
) -> Card:
    """Judge by cross-validation, compare, fit on everything, save. Raises ConfigError."""
    samples = _training_samples(order, config, screen)
    target = order.out or default_folder(config)
    now = _current(target, config, bench, screen)
    with screen.steps() as step:
        tags = cross_validate(bench, Data(samples, []), config, order.folds, step)
    trial = Trial(samples, tags)
    screen.head(f"{order.folds}-fold cross-validation over {len(samples)} rows")
    screen.show(tables(trial.report))
    compared = _compared(now, trial, config, bench, screen)
    if now.folder == target and compared.worse and not order.force:
        raise _worse(target, compared)
    with screen.steps() as step:
        step("fitting", 0.0)
        model = bench.fit(learnable(samples), config, lambda share: step("fitting", share))
    card = Card(
        made_at=clock.now(),
        command=_command(order),
        rules_version=rules_version(config),
        fitted_on=_fitted_on(order, samples),
        note=order.note or OWN,
        packages={name: version(name) for name in PACKAGES},
        metrics=_metrics(trial.report, order.folds),
        **model.card_fields(),  # type: ignore[arg-type]
    )
    digests = np.array(sorted({sample.digest() for sample in samples}), np.uint32)
    saved = save(target, {**model.arrays(), SEEN: digests}, card)
    screen.say(f"{target}: 模型已写好 / model {saved.version} written, {len(samples)} rows")
    if folder_of(config.settings.analyze.model) != target:
        screen.say(f'要启用 / to use it: [analyze] model = "{target}" in huisheng.toml')
    return saved


def default_folder(config: Config) -> Path:
    """Where the office's own model stands: what it uses, else in its data folder."""
    setting = config.settings.analyze.model
    return config.settings.data.dir / "model" if setting in SETTINGS else Path(setting)


def load_model(setting: str, config: Config, bench: Workbench[M]) -> Current[M]:
    """Raises ModelError."""
    folder = folder_of(setting)
    if folder is None:
        return Current("the rules alone")
    arrays, card = load(folder, [topic.key for topic in config.topics])
    return Current(f"model {card.version}", folder, bench.of(arrays, card.fields()), card)


def tell_scarce(samples: Sequence[Sample], screen: Screen) -> None:
    """What can't be learned from the samples, and is left to the rules."""
    for head in HEADS:
        if not any(sample.labels(head) is not None for sample in samples):
            screen.say(f"{head}: no row is judged; the rules keep it")
        elif few := scarce(samples, head):
            told = ", ".join(f"{label} {count}" for label, count in few.items())
            screen.say(f"{head}: fewer than {FEWEST} rows, left to the rules: {told}")


def check_learnable(samples: Sequence[Sample]) -> None:
    counts = {head: class_counts(samples, head) for head in HEADS}
    if not any(count >= FEWEST for each in counts.values() for count in each.values()):
        finding = f"no class has {FEWEST} rows or more, so nothing can be fitted"
        message = f"--data: {finding} ({len(samples)} rows); label more"
        raise ConfigError(message)


def _training_samples(order: TrainOrder, config: Config, screen: Screen) -> list[Sample]:
    """Corrections come first: an office's own word stands against a file's."""
    if not order.data and order.corrections is None:
        message = "train: nothing to fit on; give --data FILE, --corrections, or both"
        raise ConfigError(message)
    topics = [topic.key for topic in config.topics]
    own = order.corrections or ()
    if order.corrections is not None:
        screen.say(f"{CORRECTIONS}: {len(own)} posts that are still stored")
    samples = fold_equal([*own, *read_files(order.data, topics, screen.say)], screen.say)
    check_learnable(samples)
    tell_scarce(samples, screen)
    return samples


def _current(target: Path, config: Config, bench: Workbench[M], screen: Screen) -> Current[M]:
    """What stands where the new one goes, else what is in use; a bad one is told."""
    there = (target / CARD).exists()
    try:
        return load_model(str(target) if there else config.settings.analyze.model, config, bench)
    except ModelError as error:
        screen.say(f"{error}; compared with the rules alone instead")
        return Current("the rules alone")


def _compared(
    now: Current[M], trial: Trial, config: Config, bench: Workbench[M], screen: Screen
) -> Comparison:
    """The new one beside the rules alone, and beside the model there is; both are shown."""
    after = trial.report.measures()
    with screen.steps() as step:
        rules = judge(trial.samples, tag_all(bench, None, config, trial.samples, step))
        compared = Comparison(
            f"the rules alone and the new model, {len(trial.samples)} rows", rules.measures(), after
        )
        shown = [comparison_table(compared)]
        if now.card and now.folder:
            compared = _beside(now, trial, config, bench, step)
            shown.append(comparison_table(compared))
    screen.show(shown)
    if shown and compared.worse:
        screen.say(f"新模型不如 / the new model does worse than {now.name}")
    return compared


def _beside(
    now: Current[M], trial: Trial, config: Config, bench: Workbench[M], step: Step
) -> Comparison:
    """On rows that neither had seen; where those are few, by each one's own cross-validation."""
    assert now.card
    assert now.folder
    rows = unseen(trial.samples, seen_rows(now.folder))
    if len(rows) < ENOUGH_ROWS:
        metrics = now.card.metrics.items()
        before = {head: each["measure"] for head, each in metrics if "measure" in each}
        how = f"{now.name} and the new model, each by its own cross-validation"
        return Comparison(how, before, trial.report.measures())
    samples = [trial.samples[index] for index in rows]
    before = judge(samples, tag_all(bench, now.model, config, samples, step)).measures()
    new = judge(samples, [trial.tags[index] for index in rows]).measures()
    how = f"{now.name} and the new model, {len(rows)} rows that neither had seen"
    return Comparison(how, before, new)


def _worse(target: Path, compared: Comparison) -> ConfigError:
    numbers = ", ".join(
        f"{head} {compared.before[head]:.3f} → {compared.after[head]:.3f}"
        for head in compared.heads
    )
    finding = f"the new model is worse than the one there ({numbers}; {compared.how})"
    return ConfigError(f"{target}: {finding}; label more rows, give another --out, or --force")


def _command(order: TrainOrder) -> str:
    """Names of files alone: where they lay is nobody's business but the office's."""
    parts = ["huisheng train", *(f"--data {path.name}" for path in order.data)]
    parts += ["--corrections"] if order.corrections is not None else []
    return " ".join([*parts, f"--folds {order.folds}"])


def _fitted_on(order: TrainOrder, samples: Sequence[Sample]) -> tuple[FittedOn, ...]:
    """Rows as they were used: a text that stands in two files counts for the first."""
    rows = Counter(sample.place.rpartition(":")[0] for sample in samples)
    places = [place_and_weight(path)[0] for path in order.data]
    files = [
        FittedOn(
            name=place.name,
            rows=rows[str(place)],
            sha256=hashlib.sha256(place.read_bytes()).hexdigest(),
        )
        for place in places
    ]
    own = FittedOn(name=CORRECTIONS, rows=rows[CORRECTIONS], sha256="")
    return (*files, *((own,) if order.corrections is not None else ()))


def _metrics(report: Report, folds: int) -> dict[str, dict[str, float]]:
    """A head's own numbers under its name, those of a class under `head/class`."""
    metrics: dict[str, dict[str, float]] = {}
    for each in report.heads:
        micro, macro = each.scores.micro, each.scores.macro
        numbers = {"rows": each.rows, "folds": folds, "measure": each.measure[1]}
        numbers |= {"micro_f1": micro.value, "micro_low": micro.low, "micro_high": micro.high}
        numbers |= {"macro_f1": macro.value, "macro_low": macro.low, "macro_high": macro.high}
        metrics[each.head] = _rounded(numbers)
        for one in each.scores.classes:
            numbers = {"precision": one.precision.value, "recall": one.recall.value, "f1": one.f1}
            metrics[f"{each.head}/{one.name}"] = _rounded({**numbers, "rows": one.support})
    return metrics


def _rounded(numbers: dict[str, float]) -> dict[str, float]:
    """JSON has no word for what can't be measured: it is left out."""
    return {name: round(value, 4) for name, value in numbers.items() if isfinite(value)}

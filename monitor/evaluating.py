"""What `huisheng evaluate` does, once its options are read: tag labelled posts, tell how well."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzers.judging import WorstRow, judge, worst
from analyzers.labelled import HEADS, read_files
from analyzers.model_files import seen_rows
from analyzers.versions import rules_version
from monitor.fitting import check_learnable, load_model, tell_scarce
from monitor.score_tables import Screen, tables
from monitor.trials import Data, M, Workbench, cross_validate, split, tag_all, unseen
from runtime.config import Config
from runtime.errors import ConfigError
from schemas.posts import Tags


@dataclass(frozen=True)
class EvaluateOrder:
    """`model`: as analyze.model; refitted instead with `folds` or `split`, on `others` as well."""

    data: tuple[Path, ...]
    others: tuple[Path, ...] = ()
    model: str | None = None
    folds: int | None = None
    split: bool = False
    worst: int = 0
    worst_out: Path = Path("worst.csv")

    def check(self) -> None:
        """Raises ConfigError for options that say different things."""
        refitted = bool(self.folds) + self.split
        finding = ""
        if refitted > 1:
            finding = "--folds and --split are two ways of fitting anew; give one"
        elif refitted and self.model:
            finding = "--model is a model as it is, --folds and --split fit anew; give one"
        elif self.others and not refitted:
            finding = "--with is for fitting anew; give --folds or --split with it"
        elif self.split and not self.others:
            finding = "--split fits on the files of --with; name some"
        if finding:
            raise ConfigError(finding)


def evaluate_model(
    order: EvaluateOrder, config: Config, bench: Workbench[M], screen: Screen
) -> None:
    """Prints the tables; raises ConfigError."""
    order.check()
    topics = [topic.key for topic in config.topics]
    judged = read_files(order.data, topics, screen.say)
    data = Data(judged, read_files(order.others, topics, screen.say))
    tags, by = _tagged(order, data, config, bench, screen)
    files = ", ".join(path.name for path in order.data)
    screen.head(f"{files}: {len(judged)} rows, rules {rules_version(config)}, {by}")
    screen.show(tables(judge(judged, tags)))
    if order.worst:
        rows = worst(judged, tags, order.worst)
        _write_worst(order.worst_out, rows)
        screen.say(f"{order.worst_out}: {len(rows)} rows, no texts")


def _tagged(
    order: EvaluateOrder, data: Data, config: Config, bench: Workbench[M], screen: Screen
) -> tuple[list[Tags], str]:
    """The tags, and by what they were made."""
    if not order.folds and not order.split:
        return _tagged_as_it_is(order, data, config, bench, screen)
    fitted_on = data.others if order.split else data.all
    check_learnable(fitted_on)
    tell_scarce(fitted_on, screen)
    with screen.steps() as step:
        if order.folds:
            tags = cross_validate(bench, data, config, order.folds, step)
            by = f"a model fitted anew in {order.folds} folds"
        else:
            tags, by = split(bench, data, config, step), "a model fitted"
    names = ", ".join(path.name for path in order.others)
    return tags, f"{by}{f' with {names}' if names else ''}"


def _tagged_as_it_is(
    order: EvaluateOrder, data: Data, config: Config, bench: Workbench[M], screen: Screen
) -> tuple[list[Tags], str]:
    current = load_model(order.model or config.settings.analyze.model, config, bench)
    if current.folder:
        seen = len(data.judged) - len(unseen(data.judged, seen_rows(current.folder)))
        if seen:
            screen.say(
                f"{seen} of {len(data.judged)} rows are among those that {current.name} was "
                "fitted on, so the numbers are too good; --folds 5 tells the true ones"
            )
    with screen.steps() as step:
        return tag_all(bench, current.model, config, data.judged, step), current.name


def _write_worst(path: Path, rows: Sequence[WorstRow]) -> None:
    columns = [name for head in HEADS for name in (head, f"{head}_found")]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["place", "cost", *columns])
            for row in rows:
                told = {head: labels for head, *labels in row.heads}
                cells = [cell for head in HEADS for cell in told.get(head, ["", ""])]
                writer.writerow([row.place, f"{row.cost:.2f}", *cells])
    except OSError as error:
        message = f"{path}: can't be written ({error.strerror}); give another --worst-out"
        raise ConfigError(message) from error

"""The commands `huisheng train` and `huisheng evaluate`; see fitting.py and evaluating.py.

scikit-learn is imported once something is fitted, and by no stage that runs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.options import ConfigFolder, told
from runtime.clock import SystemClock
from runtime.config import Config
from runtime.settings import load_config
from schemas.posts import Post, Tags

if TYPE_CHECKING:
    # numpy and the rules take their time to load: commands that fit nothing go without.
    from analyzers.classify import Model
    from analyzers.labelled import Sample
    from analyzers.model_files import Arrays
    from monitor.trials import Workbench

A_CSV = "A CSV of labelled posts, or `shipped`; `@2`: each row counts twice. May be repeated."
Data = Annotated[list[Path] | None, typer.Option(help=A_CSV)]
Judged = Annotated[list[Path], typer.Option(help=A_CSV)]
Corrections = Annotated[bool, typer.Option("--corrections", help="And the office's own labels.")]
Out = Annotated[Path | None, typer.Option(help="The model's folder (default: the one in use).")]
Folds = Annotated[int, typer.Option(min=2, help="Parts for cross-validation.")]
Note = Annotated[str, typer.Option(help="Whose the texts are, for the model's card.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a better model.")]
With = Annotated[list[Path] | None, typer.Option("--with", help="A CSV that is only fitted on.")]
ModelName = Annotated[str | None, typer.Option("--model", help="A folder, shipped or none.")]
Refolds = Annotated[int | None, typer.Option("--folds", min=2, help="Fit anew in so many parts.")]
Split = Annotated[bool, typer.Option("--split", help="Fit on --with, judge on --data.")]
Worst = Annotated[int, typer.Option(min=0, help="Write out so many of the worst rows, no texts.")]
WorstOut = Annotated[Path, typer.Option(help="Where to.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Tables in Markdown.")]


def workbench() -> "Workbench[Model]":
    """Each part is loaded when it is first used: what is wrong with a file is told before."""
    from monitor.trials import Workbench

    def fit(samples: "Sequence[Sample]", config: Config, told: Callable[[float], None]) -> "Model":
        from analyzers.train import fit as fitted

        return fitted(samples, config, told)

    def tagger(config: Config, model: "Model | None") -> Callable[[Sequence[Post]], list[Tags]]:
        from analyzers.tag import Tagger

        return Tagger(config, model).tag_many

    def of(arrays: "Arrays", fields: dict[str, object]) -> "Model":
        from analyzers.classify import Model

        return Model.of(arrays, fields)

    return Workbench(fit, tagger, of)


def add_learning(app: typer.Typer) -> None:
    @app.command()
    def train(  # noqa: PLR0913 - the options that users see
        data: Data = None,
        corrections: Corrections = False,
        out: Out = None,
        folds: Folds = 5,
        note: Note = "",
        force: Force = False,
        config: ConfigFolder = None,
    ) -> None:
        """Fit a model on labelled posts; it is judged on folds and compared before it is written.

        Example: huisheng train --data shipped --data labelled.csv --corrections
        """
        from monitor.corrected import corrected_samples
        from monitor.fitting import TrainOrder, train_model
        from monitor.score_tables import Screen

        with told():
            found = load_config(config)
            own = tuple(corrected_samples(found)) if corrections else None
            order = TrainOrder(tuple(data or ()), out, folds, note, force, own)
            train_model(order, found, workbench(), SystemClock(), Screen())

    @app.command()
    def evaluate(  # noqa: PLR0913 - the options that users see
        data: Judged,
        others: With = None,
        model: ModelName = None,
        folds: Refolds = None,
        split: Split = False,
        worst: Worst = 0,
        worst_out: WorstOut = Path("worst.csv"),
        markdown: Markdown = False,
        config: ConfigFolder = None,
    ) -> None:
        """Tag labelled posts and print how well: by class, with intervals and a confusion table.

        Example: huisheng evaluate --data labelled.csv --model none
        """
        from monitor.evaluating import EvaluateOrder, evaluate_model
        from monitor.score_tables import Screen

        with told():
            order = EvaluateOrder(
                tuple(data), tuple(others or ()), model, folds, split, worst, worst_out
            )
            evaluate_model(order, load_config(config), workbench(), Screen(markdown))

"""The commands `huisheng retag` and `huisheng correct`; see retag.py and correcting.py."""

from typing import Annotated

import typer

from monitor.options import ConfigFolder, told
from runtime.settings import load_config

Since = Annotated[
    str, typer.Option(help="Posts counted from then on: 2026-11-01, or 2026-11-01T08:00.")
]
Until = Annotated[str, typer.Option(help="And before then (default: all).")]
Who = Annotated[str, typer.Option(help="Who does it, as they sign.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would change; write nothing.")]
SourceId = Annotated[str, typer.Argument(help="The post's source, as in sources.toml.")]
PostId = Annotated[str, typer.Argument(help="The post's id, as in v_posts.")]
Topics = Annotated[str | None, typer.Option(help="One to three keys, most central first: a,b")]
Owed = Annotated[str | None, typer.Option(help="question, complaint, suggestion, …")]
Danger = Annotated[bool | None, typer.Option("--danger/--no-danger", help="People in danger.")]
Department = Annotated[str | None, typer.Option(help="Who must answer.")]
Confirm = Annotated[bool, typer.Option("--confirm", help="All tags are right as they are.")]
By = Annotated[str, typer.Option(help="Who says so, as they sign.")]
Note = Annotated[str, typer.Option(help="For yourselves: no view, page or export shows it.")]


def retag(
    since: Since,
    until: Until = "",
    by: Who = "",
    dry_run: DryRun = False,
    config: ConfigFolder = None,
) -> None:
    """Tag stored posts again by the present rules and model; times are Shanghai's.

    Example: huisheng retag --since 2026-11-01 --dry-run
    """
    from monitor.asking import refusals_told
    from monitor.retag import print_report, read_request, retag_store

    with told(), refusals_told():
        request = read_request(since, until, by, dry_run=dry_run)
        report = retag_store(load_config(config), request)
    print_report(report, request)
    raise typer.Exit(0 if report.state == "done" else 1)


def add_correct(app: typer.Typer) -> None:
    @app.command()
    def correct(  # noqa: PLR0913 - the options that users see
        source: SourceId,
        post_id: PostId,
        by: By,
        topics: Topics = None,
        owed: Owed = None,
        danger: Danger = None,
        department: Department = None,
        confirm: Confirm = False,
        note: Note = "",
        config: ConfigFolder = None,
    ) -> None:
        """Say what a stored post's tags should be, or that they are right; its row stays as it is.

        What is not given stays as it is tagged.

        Example: huisheng correct forum 3f2a9c --topics fees --owed complaint --by 王
        """
        from monitor.asking import refusals_told
        from monitor.correcting import correct_post
        from storage.correcting import CorrectionRequest

        keys = None if topics is None else tuple(key.strip() for key in topics.split(",") if key)
        said = CorrectionRequest(source, post_id, by, keys, owed, danger, department, confirm, note)
        with told(), refusals_told():
            correct_post(load_config(config), said)

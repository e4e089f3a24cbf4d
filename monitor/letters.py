"""`huisheng dead-letters list|replay|drop`: what was set aside, and what becomes of it."""

import sys
from typing import Annotated

import typer

from monitor.options import ConfigFolder, told

app = typer.Typer(
    help="Show what could not be handled; publish it again, or let it go.", no_args_is_help=True
)
Places = Annotated[list[str] | None, typer.Argument(help="As `list` shows them: posts/2/41.")]
All = Annotated[bool, typer.Option("--all", help="All that are open.")]


@app.command("list")
def list_letters(
    json: Annotated[bool, typer.Option("--json", help="Whole letters, one a line.")] = False,
    config: ConfigFolder = None,
) -> None:
    """List the open ones: place, time, reason, and how the message begins; the newest last.

    Example: huisheng dead-letters list
    """
    from monitor.letter_box import as_json, listed, open_letters, opened_log

    with told(), opened_log(config) as log:
        found = open_letters(log)
        for lines in as_json(found) if json else listed(found):
            typer.echo(lines)
        typer.echo(f"{len(found)} 封待处理 / open", err=True)


@app.command()
def replay(places: Places = None, everything: All = False, config: ConfigFolder = None) -> None:
    """Publish messages again as they were, once what kept them from being read is mended.

    Example: huisheng dead-letters replay posts/2/41
    """
    from monitor.letter_box import chosen, open_letters, opened_log, replay_letters
    from runtime.clock import SystemClock

    with told(), opened_log(config) as log:
        done = replay_letters(log, chosen(open_letters(log), places, everything), SystemClock())
    for place in done.cut:
        sys.stderr.write(
            f"{place}: only its beginning was kept, it can't be published again; "
            f"`huisheng dead-letters drop {place}` lets it go\n"
        )
    typer.echo(f"{done.handled} 封已重新发布 / published again", err=True)
    raise typer.Exit(1 if done.cut else 0)


@app.command()
def drop(
    places: Places = None,
    everything: All = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigFolder = None,
) -> None:
    """Let messages go: they are no longer listed, and are deleted with the retention.

    Example: huisheng dead-letters drop --all --yes
    """
    from monitor.letter_box import chosen, drop_letters, open_letters, opened_log
    from runtime.clock import SystemClock

    with told(), opened_log(config) as log:
        letters = list(chosen(open_letters(log), places, everything))
        if letters and not yes:
            typer.confirm(f"放弃 {len(letters)} 封 / let them go?", abort=True, err=True)
        done = drop_letters(log, letters, SystemClock())
    typer.echo(f"{done.handled} 封已放弃 / let go", err=True)

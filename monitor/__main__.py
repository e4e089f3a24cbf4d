"""The command line: `huisheng COMMAND --help` shows each command with an example."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from monitor import letters, naming
from monitor.keeping import backup, restore
from monitor.learning import add_learning
from monitor.options import ConfigFolder, told
from monitor.reader import reader
from monitor.tagging import add_correct, retag
from runtime.clock import SystemClock
from runtime.errors import ConfigError
from runtime.logs import set_up
from runtime.settings import load_config
from schemas.matters import ActionKind
from schemas.posts import SourceKind

app = typer.Typer(
    name="huisheng",
    help="Huisheng (回声): hear public concerns early, answer on time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(letters.app, name="dead-letters")
app.add_typer(naming.app, name="units")


def main() -> None:
    try:
        app()
    except BrokenPipeError:
        # Who reads us has enough, as `head` does: nothing more to say, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


@app.command()
def run(config: ConfigFolder = None) -> None:
    """Run all stages in one process, on config/ if it is there, else on the sample town.

    Example: huisheng run
    """
    from monitor.processes import run_all, run_demo
    from runtime.settings import USER

    set_up()
    with told():
        if config is None and not USER.is_dir():
            run_demo(speed=None)
        else:
            run_all(load_config(config))


@app.command()
def demo(
    speed: Annotated[
        float | None, typer.Option(min=1, help="Simulated seconds per second (default: 1440).")
    ] = None,
) -> None:
    """Run on the bundled sample town: local feeds, an incident, warnings within a minute.

    Example: huisheng demo --speed 2880
    """
    from monitor.processes import run_demo

    set_up()
    with told():
        run_demo(speed)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("config"),
) -> None:
    """Write a commented config folder to start from.

    Example: huisheng init && $EDITOR config/sources.toml && huisheng run
    """
    from monitor.starting import write_config

    with told():
        for path in write_config(folder):
            typer.echo(path)
    typer.echo("已写好，请先编辑 sources.toml 和 units.toml，再运行 huisheng check", err=True)
    typer.echo("Next: edit sources.toml and units.toml, then run: huisheng check", err=True)


@app.command()
def check(
    recent: Annotated[
        Path | None,
        typer.Option(help="Posts to try the rules on: JSON lines or CSV (default: the store's)."),
    ] = None,
    strict: Annotated[bool, typer.Option(help="Exit with 1 for warnings too.")] = False,
    verbose: Annotated[bool, typer.Option(help="List every finding.")] = False,
    config: ConfigFolder = None,
) -> None:
    """Validate every config file, and look for conflicts and useless or dangerous rules.

    Exits with 0 when all is well, 1 for errors in the rules, 2 when a file can't be used.

    Example: huisheng check --config config
    """
    from monitor.checking import Asked
    from monitor.checking import check as check_rules

    with told():
        code = check_rules(load_config(config), Asked(recent, strict, verbose))
    raise typer.Exit(code)


@app.command()
def parse(
    files: Annotated[list[Path], typer.Argument(help="Feed documents.")],
    source: Annotated[
        str | None, typer.Option(help="Source id (default: the file's name).")
    ] = None,
    kind: Annotated[SourceKind, typer.Option(help="Kind of source.")] = SourceKind.FORUM,
    url: Annotated[str, typer.Option(help="Address the document came from.")] = "",
    config: ConfigFolder = None,
) -> None:
    """Print the posts of feed documents, one JSON line each.

    Example: huisheng parse feed.xml --kind news
    """
    from monitor.grading import parse_files

    with told():
        load_config(config)
        code = parse_files(files, source, kind, url)
    raise typer.Exit(code)


@app.command()
def tag(config: ConfigFolder = None) -> None:
    """Read post objects as JSON lines and print them with topics, owed, danger and why.

    Example: huisheng parse feed.xml | huisheng tag
    """
    from monitor.grading import tag_lines

    with told():
        code = tag_lines(sys.stdin.buffer, load_config(config))
    raise typer.Exit(code)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="Post objects as JSON lines.")],
    config: ConfigFolder = None,
) -> None:
    """Run posts with times through analyzers and alerting; print the events as JSON lines.

    Example: huisheng replay posts.jsonl > events.jsonl
    """
    from monitor.grading import replay_lines

    with told():
        found = load_config(config)
        try:
            lines = file.read_bytes().splitlines()
        except OSError as error:
            message = f"{file}: can't be read ({error.strerror}); give a file of JSON lines"
            raise ConfigError(message) from error
        code = replay_lines(lines, str(file), found)
    raise typer.Exit(code)


@app.command()
def sql(
    statement: Annotated[str, typer.Argument(help="One SELECT.")],
    form: Annotated[
        str, typer.Option("--format", help="table, csv, tsv, json or jsonl.")
    ] = "table",
    config: ConfigFolder = None,
) -> None:
    """Ask the store in SQL, read-only; the running process answers if there is one.

    Example: huisheng sql "SELECT topic, sum(posts) FROM hourly_counts FINAL GROUP BY topic"
    """
    from monitor.asking import ask_sql, refusals_told

    with told(), refusals_told():
        sys.stdout.buffer.write(ask_sql(load_config(config), statement, form))


@app.command()
def status(config: ConfigFolder = None) -> None:
    """Show stages, sources, open matters, pending deliveries and the store, as they are now.

    Exits with 0 when all is well; 1 when a stage or source is in trouble, a report is overdue, the
    store has broken parts, or nothing runs; 2 when that can't be asked.

    Example: huisheng status
    """
    from monitor.asking import refusals_told, show_status

    with told(), refusals_told():
        code = show_status(load_config(config))
    raise typer.Exit(code)


@app.command()
def act(
    matter: Annotated[str, typer.Argument(help="The matter's id, as `huisheng status` shows it.")],
    kind: Annotated[ActionKind, typer.Argument(help="What was done.")],
    by: Annotated[str, typer.Option(help="Who did it, as they sign.")],
    note: Annotated[str, typer.Option(help="To whom it was reported, or why it is lowered.")] = "",
    config: ConfigFolder = None,
) -> None:
    """Acknowledge, report, confirm or lower a matter.

    Example: huisheng act food_safety-3f2a reported --by 王 --note 区教育局值班室
    """
    from dashboard.actions import ActionRequest
    from monitor.asking import act as write_action
    from monitor.asking import refusals_told

    with told(), refusals_told():
        write_action(load_config(config), ActionRequest(matter, kind.value, by, note))


@app.command()
def migrate(config: ConfigFolder = None) -> None:
    """Bring the store's tables up to this version; refused while a process runs on the folder.

    Example: huisheng migrate
    """
    from monitor.asking import migrate_store, refusals_told

    with told(), refusals_told():
        for name in migrate_store(load_config(config)):
            typer.echo(name)


app.command()(retag)
add_correct(app)
add_learning(app)
app.command()(backup)
app.command()(restore)
app.command()(reader)


def _stage_command(name: str, does: str) -> Callable[[Path | None], None]:
    def command(config: ConfigFolder = None) -> None:
        from monitor.processes import run_stage

        set_up()
        with told():
            run_stage(name, load_config(config), SystemClock())

    command.__doc__ = f"{does} (server mode).\n\nExample: huisheng {name} --config config"
    return command


for _name, _does in {
    "collect": "Poll the sources and put their posts on the bus",
    "analyze": "Tag the posts on the bus and store them",
    "alert": "Follow the matters and send warnings; of several, one is active",
    "dashboard": "Serve the page",
}.items():
    app.command(_name)(_stage_command(_name, _does))


if __name__ == "__main__":
    main()

"""`huisheng reader`: a read-only user for analysts on the ClickHouse server of server mode."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from monitor.options import ConfigFolder, told


def reader(
    name: Annotated[str, typer.Argument(help="The user's name.")],
    password_file: Annotated[
        Path | None, typer.Option(help="Where its password stands (default: asked for).")
    ] = None,
    config: ConfigFolder = None,
) -> None:
    """Make a read-only user of the ClickHouse server, or give it a new password (server mode).

    Example: huisheng reader wang --password-file wang.txt
    """
    from monitor.wiring import open_store
    from runtime.errors import ConfigError
    from runtime.settings import load_config
    from storage.readers import EMBEDDED, provide_reader

    with told():
        settings = load_config(config).settings
        if settings.embedded:
            raise ConfigError(EMBEDDED)
        password = _password(password_file)
        store = open_store(settings)
        try:
            views = provide_reader(store, name, password)
        finally:
            store.close()
    typer.echo(f"{name}: {', '.join(views)}")


def _password(file: Path | None) -> str:
    from runtime.errors import ConfigError

    if file is None and not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    if file is None:
        return str(typer.prompt("密码 password", hide_input=True, confirmation_prompt=True))
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file}: can't be read ({error}); name a file of UTF-8 text"
        raise ConfigError(message) from error

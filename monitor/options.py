"""What the commands share: the option for the config folder, and how failures are told."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from runtime.errors import ConfigError, RetryLater

ConfigFolder = Annotated[
    Path | None,
    typer.Option("--config", help="Config folder (default: config/, else the shipped rules)."),
]


@contextmanager
def told() -> Iterator[None]:
    """What the user can mend is one line a finding and exit 2."""
    try:
        yield
    except (ConfigError, RetryLater) as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(2) from error

"""The commands `huisheng backup` and `huisheng restore`; what they do stands in backup_sets.py."""

from pathlib import Path
from typing import Annotated

import typer

from monitor.options import ConfigFolder, told
from runtime.clock import SystemClock
from runtime.settings import load_config

Folder = Annotated[Path, typer.Argument(help="A folder for backups; each gets one of its own.")]
OneSet = Annotated[Path, typer.Argument(help="One backup, as `huisheng backup` named it.")]
Prune = Annotated[bool, typer.Option(help="Delete backups there older than the retention.")]
Replace = Annotated[bool, typer.Option("--replace", help="Give up all that is stored now.")]


def backup(folder: Folder, prune: Prune = True, config: ConfigFolder = None) -> None:
    """Copy all that is kept to a new folder, also while it runs; the copy holds texts.

    Example: huisheng backup backups
    """
    from monitor.asking import refusals_told
    from monitor.backup_sets import back_up, prune_sets

    with told(), refusals_told():
        found = load_config(config)
        typer.echo(back_up(found, folder))
        if prune:
            for old in prune_sets(folder, found.settings.data.retention_days, SystemClock().now()):
                typer.echo(f"已删除过期备份 / deleted after the retention: {old}", err=True)
    typer.echo("备份含帖子原文，仅本人可读 / holds texts; readable by you alone", err=True)


def restore(folder: OneSet, replace: Replace = False, config: ConfigFolder = None) -> None:
    """Put a backup back; nothing may run on the store meanwhile.

    Example: huisheng restore backups/huisheng-20261121T020000Z
    """
    from monitor.asking import refusals_told
    from monitor.backup_sets import put_back

    with told(), refusals_told():
        put_back(load_config(config), folder, replace=replace)
    typer.echo("已恢复，可以启动 / restored; start again")

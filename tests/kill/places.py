"""A config folder for stages in server mode: where the engines, the feeds and the receiver are."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from runtime.config import Config
from runtime.settings import load_config
from tests.engines.downloads import EngineMissing
from tests.kill.posts import UNITS
from tests.kill.sites import Sites


@dataclass(frozen=True)
class Addresses:
    brokers: tuple[str, ...]
    dsn: str
    prefix: str = "huisheng."


def write_config(folder: Path, sites: Sites, at: Addresses) -> Config:
    place = made(folder / "config")
    settings = [
        f'[bus]\nkind = "kafka"\nbrokers = ["{at.brokers[0]}"]',
        f'prefix = "{at.prefix}"\npartitions = 6',
        f'[store]\ndsn = "{at.dsn}"',
        "[fetch]\nallow_private = true",
        f'[notify]\nconsole = false\n[[notify.webhook]]\nname = "duty"\nurl = "{sites.hook}"',
    ]
    (place / "huisheng.toml").write_text("\n".join(settings), "utf-8")
    sources = [
        f'[[source]]\nid = "{source.id}"\nname = "{source.name}"\nkind = "{source.kind}"\n'
        f'url = "{source.url}"\ninterval_minutes = 1'
        for source in sites.stream.sources(sites.port)
    ]
    (place / "sources.toml").write_text("\n".join(sources), "utf-8")
    units = [f'[[unit]]\nname = "{unit}"' for unit in UNITS]
    (place / "units.toml").write_text("\n".join(units), "utf-8")
    return load_config(place)


def go_without(error: EngineMissing) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"SERVER MODE IS NOT TESTED: {error}")
    pytest.skip(f"SERVER MODE IS NOT TESTED: {error}")


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder

"""`huisheng init`: a commented config folder to start from, copied from the shipped rules."""

import shutil
from pathlib import Path

from runtime.errors import ConfigError
from runtime.settings import SHIPPED


def write_config(folder: Path) -> list[Path]:
    """The files written; raises ConfigError rather than overwrite what is there."""
    if folder.exists() and any(folder.iterdir()):
        message = f"{folder}: is there already and not empty; move it away or give another folder"
        raise ConfigError(message)
    shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
    return sorted(path for path in folder.rglob("*") if path.is_file())

"""What stands outside the rooms hangs together: Makefile, documents, locks, scripts, compose."""

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from runtime.config import Settings
from tests.test_house_rules import FILES, PYPROJECT, ROOMS

ROOT = Path(__file__).parent.parent
LINES_PER_TARGET = 3
PIN = re.compile(r"^([a-z0-9-]+)==([^\s;]+)", re.MULTILINE)
TARGET = re.compile(r"^([a-z-]+):.*\n((?:\t.*\n)*)", re.MULTILINE)
MAKE_COMMAND = re.compile(r"(?:^|`|&& )make ([a-z-]+)", re.MULTILINE)
SETTING = re.compile(r"HUISHENG_([A-Z]+)__([A-Z_]+)")
SCRIPTS = [name for name in FILES if name.endswith(".sh") or name == ".ci/run"]


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def required(lock: str) -> list[str]:
    """The direct requirements that `lock` was made from."""
    project = PYPROJECT["project"]
    sources: dict[str, list[str]] = {
        "requirements-build.lock": PYPROJECT["build-system"]["requires"],
        "requirements.lock": project["dependencies"],
        "requirements-dev.lock": project["dependencies"] + project["optional-dependencies"]["dev"],
    }
    return sources[lock]


LOCKS = ("requirements-build.lock", "requirements.lock", "requirements-dev.lock")


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_is_in_step_with_pyproject(lock: str) -> None:
    pins = dict(PIN.findall(text(lock)))
    for line in required(lock):
        requirement = Requirement(line)
        found = pins.get(canonicalize_name(requirement.name))
        assert found, f"{lock} lacks {requirement.name}; run `make lock`"
        assert requirement.specifier.contains(found), f"{lock}: {line} against {found}; `make lock`"


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_is_hashed_and_names_no_host(lock: str) -> None:
    pinned = [line for line in text(lock).splitlines() if not line.startswith((" ", "#"))]
    assert [line for line in pinned if not (PIN.match(line) and line.endswith("\\"))] == []
    assert "://" not in text(lock)


def test_both_locks_pin_the_same_versions() -> None:
    run, dev = (set(PIN.findall(text(lock))) for lock in LOCKS[1:])
    assert run <= dev, f"only in requirements.lock: {sorted(run - dev)}; run `make lock`"


def test_make_targets_are_short() -> None:
    targets = TARGET.findall(text("Makefile"))
    assert targets
    long = [name for name, recipe in targets if recipe.count("\n") > LINES_PER_TARGET]
    assert long == [], f"limit {LINES_PER_TARGET} lines; move the work to scripts/"


def test_make_commands_in_the_documents_exist() -> None:
    targets = {name for name, _ in TARGET.findall(text("Makefile"))}
    for name in (name for name in FILES if name.endswith(".md")):
        unknown = set(MAKE_COMMAND.findall(text(name))) - targets
        assert not unknown, f"{name}: no such make target: {sorted(unknown)}"


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_parses_and_can_be_run(name: str) -> None:
    shell = text(name).splitlines()[0].removeprefix("#!").split("/")[-1].removeprefix("env ")
    assert shell in ("sh", "bash"), f"{name}:1 starts with #!/bin/sh or #!/usr/bin/env bash"
    checked = subprocess.run(
        [shell, "-n", ROOT / name], check=False, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    assert (ROOT / name).stat().st_mode & 0o111, f"{name} is not executable"


def test_files_of_rooms_are_installed() -> None:
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["*"]
    left_out = [
        name
        for name in FILES
        if name.split("/")[0] in ROOMS
        and not name.endswith(".py")
        and not any(fnmatch(Path(name).name, pattern) for pattern in patterns)
    ]
    assert left_out == [], "add their endings to [tool.setuptools.package-data] in pyproject.toml"


@pytest.mark.parametrize("name", ["docker-compose.yml", "Dockerfile"])
def test_settings_in_the_containers_exist(name: str) -> None:
    found = SETTING.findall(text(name))
    assert found
    for table, key in found:
        known = Settings.model_fields[table.lower()].annotation
        assert known, f"{name}: HUISHENG_{table}__{key}: no such table"
        assert key.lower() in known.model_fields, f"{name}: HUISHENG_{table}__{key}: no such key"


def test_the_pages_are_published_on_this_machine_only() -> None:
    published = re.findall(r"^\s+ports:(.*)$", text("docker-compose.yml"), re.MULTILINE)
    assert published[0] == ' ["127.0.0.1:${HUISHENG_PORT:-8000}:8000"]'
    assert all(address.startswith(' ["127.0.0.1:') for address in published)


def test_no_password_is_written_down() -> None:
    given = re.sub(r"\$\{\w+_PASSWORD:[?-][^}]*\}", "given", text("docker-compose.yml"))
    assert set(re.findall(r"PASSWORD: (.*)", given)) == {'"given"'}
    assert re.findall(r"://\w+:(.*)@", given) == []


def test_the_password_that_make_up_writes_stays_out_of_git() -> None:
    subprocess.run(["git", "check-ignore", "--quiet", ".env"], cwd=ROOT, check=True)

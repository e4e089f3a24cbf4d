"""The house style as measured facts; each failure says file, line, number and limit.

Complexity, naive times and banned calls are ruff's; the layers of rooms are import-linter's.
"""

import ast
import math
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
ROOMS: tuple[str, ...] = tuple(PYPROJECT["tool"]["importlinter"]["root_packages"])
MEDIAN_LINES = 8
P95_LINES = 35
FUNCTION_LINES = 50
MODULE_LINES = 400
PARAMETERS = 5
DOCSTRING_LINES = 4
ONE_IMPORTER = ("kafka", "clickhouse_connect", "chdb", "jieba", "rjieba", "sklearn", "feedparser")
BROAD_EXCEPT = ("bus/consume.py", "monitor/supervise.py")
FORBIDDEN_NAMES = ("utils", "util", "helpers", "helper", "common", "manager", "base")
# Written in parts, so that this file does not find itself.
MACHINE_PATH = re.compile(
    r"(?<![\w.])(?:/(?:home|Users)/[\w.-]+/|" + "/" + r"root/|" + "/" + r"work/)"
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    path: str
    lines: int
    tree: ast.Module

    @property
    def in_room(self) -> bool:
        return self.path.split("/")[0] in ROOMS

    def functions(self) -> Iterator[Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and full name of each module imported from elsewhere."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.lineno, node.module


def project_files() -> list[str]:
    """What is or would be tracked: ignored files are left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted(name for name in listed.splitlines() if (ROOT / name).is_file())


def read_module(path: str) -> Module:
    text = (ROOT / path).read_text("utf-8")
    return Module(path, len(text.splitlines()), ast.parse(text, path))


FILES = project_files()
MODULES = [read_module(path) for path in FILES if path.endswith(".py")]
IN_ROOMS = [module for module in MODULES if module.in_room]


def length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def room_lengths() -> list[int]:
    return sorted(length(function) for module in IN_ROOMS for function in module.functions())


def parameters(function: Function) -> int:
    arguments = function.args
    named = arguments.posonlyargs + arguments.args + arguments.kwonlyargs
    return sum(argument.arg not in ("self", "cls") for argument in named)


def is_command(function: Function) -> bool:
    """A command of the CLI: its parameters are the options that users see."""
    called = (node.func if isinstance(node, ast.Call) else node for node in function.decorator_list)
    return any(isinstance(node, ast.Attribute) and node.attr == "command" for node in called)


def broad_lines(tree: ast.Module) -> Iterator[int]:
    """Where everything is caught: bare, Exception or BaseException, also by contextlib.suppress."""
    for node in ast.walk(tree):
        caught: list[ast.expr] = []
        if isinstance(node, ast.ExceptHandler):
            if node.type is None:
                yield node.lineno
                continue
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            caught = node.args
        if any(ast.unparse(name) in ("Exception", "BaseException") for name in caught):
            yield caught[0].lineno


def importers(library: str) -> list[tuple[str, int]]:
    return [
        (module.path, line)
        for module in IN_ROOMS
        for line, name in module.imports()
        if name.split(".")[0] == library
    ]


def assert_none(findings: list[str]) -> None:
    assert not findings, "\n" + "\n".join(findings)


def test_rooms_are_there() -> None:
    assert {module.path.split("/")[0] for module in IN_ROOMS} == set(ROOMS)


def test_functions_are_short_on_the_whole() -> None:
    lengths = room_lengths()
    p95 = lengths[math.ceil(len(lengths) * 0.95) - 1]
    assert statistics.median(lengths) <= MEDIAN_LINES, f"limit {MEDIAN_LINES}; {len(lengths)} defs"
    assert p95 <= P95_LINES, f"95th percentile {p95}, limit {P95_LINES}"


def test_no_function_is_long() -> None:
    assert_none(
        [
            f"{module.path}:{function.lineno} {function.name}: {length(function)} lines, "
            f"limit {FUNCTION_LINES}"
            for module in MODULES
            for function in module.functions()
            if length(function) > FUNCTION_LINES
        ]
    )


def test_no_module_is_long() -> None:
    assert_none(
        [
            f"{module.path}:1 {module.lines} lines, limit {MODULE_LINES} (aim for 300)"
            for module in MODULES
            if module.lines > MODULE_LINES
        ]
    )


def test_few_parameters() -> None:
    assert_none(
        [
            f"{module.path}:{function.lineno} {function.name}: {parameters(function)} parameters, "
            f"limit {PARAMETERS}; take a frozen dataclass"
            for module in MODULES
            for function in module.functions()
            if parameters(function) > PARAMETERS and not is_command(function)
        ]
    )


def test_modules_say_what_they_are() -> None:
    findings = []
    for module in MODULES:
        lines = len((ast.get_docstring(module.tree) or "").splitlines())
        if module.tree.body and not 1 <= lines <= DOCSTRING_LINES:
            findings.append(
                f"{module.path}:1 docstring of {lines} lines, limit 1 to {DOCSTRING_LINES}"
            )
    assert_none(findings)


def test_modules_have_names_of_the_domain() -> None:
    assert_none(
        [
            f"{module.path}:1 no module is called one of {', '.join(FORBIDDEN_NAMES)}"
            for module in MODULES
            if set(Path(module.path).with_suffix("").parts) & set(FORBIDDEN_NAMES)
        ]
    )


def test_everything_is_caught_in_two_places_only() -> None:
    assert_none(
        [
            f"{module.path}:{line} broad except; only {' and '.join(BROAD_EXCEPT)} may"
            for module in IN_ROOMS
            if module.path not in BROAD_EXCEPT
            for line in broad_lines(module.tree)
        ]
    )


@pytest.mark.parametrize("library", ONE_IMPORTER)
def test_third_party_client_has_one_importer(library: str) -> None:
    found = importers(library)
    files = {path for path, _ in found}
    if len(files) > 1:
        assert_none(
            [f"{path}:{line} {library}: {len(files)} files, limit 1" for path, line in found]
        )


def test_httpx_is_for_fetching_and_notifying() -> None:
    found = importers("httpx")
    fetching = {path for path, _ in found if path.startswith("collectors/")}
    allowed = fetching if len(fetching) == 1 else set()
    assert_none(
        [
            f"{path}:{line} httpx: only one file of collectors/ and alerting/notifiers/ may"
            for path, line in found
            if path not in allowed and not path.startswith("alerting/notifiers/")
        ]
    )


def test_schemas_need_only_msgspec() -> None:
    allowed = {*sys.stdlib_module_names, "msgspec", "schemas"}
    assert_none(
        [
            f"{module.path}:{line} {name}: schemas/ imports the standard library and msgspec only"
            for module in IN_ROOMS
            if module.path.startswith("schemas/")
            for line, name in module.imports()
            if name.split(".")[0] not in allowed
        ]
    )


def test_no_mock_library() -> None:
    assert_none(
        [
            f"{module.path}:{line} {name}: use the fake that ships beside the interface"
            for module in MODULES
            for line, name in module.imports()
            if name.startswith(("unittest.mock", "mock"))
        ]
    )


def test_no_paths_of_one_machine() -> None:
    findings = []
    for name in FILES:
        try:
            lines = (ROOT / name).read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            if found := MACHINE_PATH.search(line):
                findings.append(f"{name}:{number} {found[0]}: a path of one machine")
    assert_none(findings)

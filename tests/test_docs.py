"""The documents say what the code does: settings, commands, columns, SQL, links."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from alerting.notifiers import build
from monitor.__main__ import app
from runtime.config import (
    AlertRules,
    CalendarFile,
    NotifySettings,
    Settings,
    SourcesFile,
    UnitsFile,
    WebhookSettings,
)
from runtime.settings import SHIPPED, load_config
from schemas.posts import Post
from storage.readonly import check_select
from storage.store import Store
from tests.stores import chdb_store

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "README.zh-CN.md")
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
)
SQL_BLOCK = re.compile(r"^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"`((?:make|huisheng) [a-z-]+)[^`]*`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
COLUMNS = "SELECT table, name FROM system.columns WHERE database = currentDatabase()"
# How the project was made is no part of it; the brackets keep this line from finding itself.
MAKING = re.compile(r"\b(?:[s]ession|[h]elper|[t]icket|[s]ubagent|[A]I|[L]LM)s?\b|\b[i]ssue #?\d")
FILE = re.compile(r"`((?!config/|topics/|owed/)[a-z]+/[\w/.-]+\.(?:py|md|toml|txt))`")


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def rows(name: str) -> list[str]:
    return [line for line in text(name).splitlines() if line.startswith("| ")]


def commands_of_the_cli() -> set[str]:
    infos = app.registered_commands
    groups = {str(group.name) for group in app.registered_groups}
    return groups | {str(info.name or getattr(info.callback, "__name__", "")) for info in infos}


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each key of a config file with its default as the document writes it."""
    for name, field in model.model_fields.items():
        table = _table(field.annotation)
        if field.annotation is table and table:
            yield from keys(table, f"{prefix}{name}.")
            continue
        if table:
            yield from keys(table, f"{prefix}{name}.")
        if not (table and prefix == ""):
            default = "required" if field.is_required() else f"`{field.default}`"
            yield prefix + name, default.replace("``", "empty")


def _table(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _table(part))), None)


@pytest.mark.parametrize("model", [Settings, SourcesFile, UnitsFile, CalendarFile, AlertRules])
def test_every_setting_stands_with_its_default(model: type[BaseModel]) -> None:
    found = rows("docs/operations.md")
    for key, default in keys(model):
        row = f"| `{key}` | {default.replace('.0`', '`')} |"
        assert any(line.startswith(row) for line in found), f"docs/operations.md lacks {row}"


def test_no_setting_stands_that_is_none() -> None:
    known = {
        key
        for model in (Settings, SourcesFile, UnitsFile, CalendarFile, AlertRules)
        for key, _ in keys(model)
    }
    section = text("docs/operations.md").partition("\n## Settings")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z0-9_.]+)`", section, re.MULTILINE)) == known


@pytest.mark.parametrize("name", READMES)
def test_every_command_and_target_stands_in_the_tables(name: str) -> None:
    commands = {f"huisheng {command}" for command in commands_of_the_cli()}
    targets = {f"make {t}" for t in re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE)}
    listed = {found[1] for row in rows(name) if (found := COMMAND.match(row.removeprefix("| ")))}
    assert listed == commands | targets


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_in_a_document_exist(name: str) -> None:
    used = set(re.findall(r"(?:^|`|bin/)huisheng ([a-z-]+)", text(name), re.MULTILINE))
    assert used <= commands_of_the_cli()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with chdb_store(tmp_path) as opened:
        yield opened


def test_every_column_stands_and_no_other(store: Store) -> None:
    tables: dict[str, set[str]] = {}
    for table, column in store.rows(COLUMNS):
        tables.setdefault(table, set()).add(column)
    sections = re.split(r"^## ", text("docs/columns.md"), flags=re.MULTILINE)[1:]
    for table, columns in tables.items():
        section = next((s for s in sections if s.startswith(f"{table}\n")), "")
        cells = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
        assert set(re.findall(r"`(\w+)`", " ".join(cells))) == columns, table


def test_every_statement_in_the_documents_runs(store: Store) -> None:
    statements = [sql for name in DOCUMENTS for sql in SQL_BLOCK.findall(text(name))]
    assert len(statements) > 10
    for statement in statements:
        store.ask(check_select(statement), "JSON")


def test_every_topic_stands_with_its_name_and_mark() -> None:
    listed = rows("docs/topics.md")
    for topic in load_config(SHIPPED).topics:
        mark = "harm" if topic.harm else "" if topic.forms_matter else "no matter"
        start, end = f"| `{topic.key}` | {topic.name} |", f"| {mark} |".replace("|  |", "| |")
        assert any(row.startswith(start) and row.endswith(end) for row in listed), topic.key


def test_every_field_of_the_post_object_stands() -> None:
    section = text("docs/topics.md").partition("\n## Post object")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert listed == list(Post.__struct_fields__)


def test_every_notifier_stands() -> None:
    document = text("docs/add-a-notifier.md")
    hook = WebhookSettings(name="hook", url="https://example.com/")
    for notifier in build(NotifySettings(console=True, webhook=(hook,))):
        place = type(notifier).__module__.replace(".", "/") + ".py"
        assert f"`{place}`" in document, place


@pytest.mark.parametrize("name", ["docs/architecture.md", "docs/operations.md"])
def test_every_stage_stands(name: str) -> None:
    source = text("monitor/wiring.py") + text("monitor/processes.py")
    stages = set(re.findall(r'Stage\("(\w+)"', source))
    assert len(stages) >= 5
    assert [stage for stage in sorted(stages) if f"`{stage}`" not in text(name)] == []


def test_files_that_the_documents_name_exist() -> None:
    named = [(name, path) for name in DOCUMENTS for path in FILE.findall(text(name))]
    assert len(named) > 20
    assert [(name, path) for name, path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_relative_links_lead_somewhere(name: str) -> None:
    for target in LINK.findall(text(name)):
        if "://" not in target:
            assert (ROOT / name).parent.joinpath(target).exists(), f"{name}: {target}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_speak_of_the_software_only(name: str) -> None:
    assert MAKING.findall(text(name)) == []


def test_both_readmes_say_the_same() -> None:
    english, chinese = (text(name) for name in READMES)
    assert _levels(english) == _levels(chinese)
    assert SQL_BLOCK.findall(english) == SQL_BLOCK.findall(chinese)
    assert _shell(english) == _shell(chinese)
    assert COMMAND.findall(english) == COMMAND.findall(chinese)
    assert len(ANY_BLOCK.findall(english)) == len(ANY_BLOCK.findall(chinese))


def _levels(document: str) -> list[str]:
    return re.findall(r"^(#+) ", ANY_BLOCK.sub("", document), re.MULTILINE)


def _shell(document: str) -> list[str]:
    """The commands of the shell blocks, without their comments."""
    lines = "\n".join(SHELL_BLOCK.findall(document)).splitlines()
    return [line.partition(" # ")[0].rstrip() for line in lines]


def test_the_picture_is_not_large() -> None:
    for path in (ROOT / "docs").glob("*.png"):
        assert path.stat().st_size < 400_000, f"{path.name}: over 400 kB"

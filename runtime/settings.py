"""The one reader of config and environment: a folder of TOML and rule files in, a Config out."""

import difflib
import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_settings import SettingsError

from runtime.config import (
    AlertRules,
    CalendarFile,
    Config,
    RuleFile,
    RuleLine,
    Settings,
    SourcesFile,
    Topic,
    Unit,
    UnitsFile,
)
from runtime.errors import ConfigError
from runtime.text import normalise
from schemas.posts import Owed

SHIPPED = Path(__file__).parent / "defaults"
USER = Path("config")
OWED_ORDER = (Owed.CLAIM_TO_VERIFY, Owed.COMPLAINT, Owed.SUGGESTION, Owed.QUESTION)
# Of these no value is told, whatever is wrong with it.
_SECRET = re.compile(r"password$|token$")
_HEADER = re.compile(r"^@([a-z-]+)(?:\s+(.*))?$")

Model = TypeVar("Model", bound=BaseModel)


class ConfigProblems(ConfigError):
    """All that is wrong in a config folder, a line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def load_config(directory: Path | None = None) -> Config:
    """Read `directory`, else config/ if there is one, else the shipped rules.

    What a folder lacks comes from the shipped ones (rules) or is all defaults (TOML files). Raises
    ConfigProblems with every problem found: file, key, finding and remedy.
    """
    folder = directory or (USER if USER.is_dir() else SHIPPED)
    if not folder.is_dir():
        raise ConfigProblems(
            [f"{folder}: no such folder; `huisheng init` writes one to start from"]
        )
    problems: list[str] = []
    settings = _read(folder, "huisheng.toml", Settings, problems)
    problems += _unknown_variables()
    sources = _read(folder, "sources.toml", SourcesFile, problems)
    units = _read(folder, "units.toml", UnitsFile, problems)
    alerts = _read(folder, "alerts.toml", AlertRules, problems)
    calendar = _read(folder, "calendar.toml", CalendarFile, problems)
    topics = _topics(folder, problems)
    danger = _rule_file(_place(folder, "danger.txt"), problems)
    owed = tuple(_rule_file(_place(folder, f"owed/{kind}.txt"), problems) for kind in OWED_ORDER)
    if sources:
        problems += _duplicates(folder / "sources.toml", "source", [s.id for s in sources.source])
    if units:
        problems += _unit_problems(folder / "units.toml", units.unit)
    if alerts:
        problems += _unknown_topics(folder / "alerts.toml", alerts, topics)
    if problems or not (settings and sources and units and alerts and calendar):
        raise ConfigProblems(problems)
    return Config(
        directory=folder,
        settings=settings,
        sources=sources.source,
        units=units.unit,
        alerts=alerts,
        periods=calendar.period,
        topics=topics,
        danger=danger,
        owed=owed,
    )


def secret(key: str, value: SecretStr, file: Path | None) -> str:
    """A password, from the setting `key` or from the file that `<key>_file` names.

    Raises ConfigError when both are set, or the file can't be read.
    """
    if file is None:
        return value.get_secret_value()
    if value.get_secret_value():
        message = f"huisheng.toml: {key} and {key}_file are both set; take one of them out"
        raise ConfigError(message)
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file}: can't be read ({error}); {key}_file names a file of UTF-8 text"
        raise ConfigError(message) from error


def _place(folder: Path, name: str) -> Path:
    return folder / name if (folder / name).exists() else SHIPPED / name


def _read(folder: Path, name: str, model: type[Model], problems: list[str]) -> Model | None:
    path = folder / name
    try:
        table = tomllib.loads(path.read_text("utf-8-sig")) if path.exists() else {}
        return model(**table)
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{path}: not TOML: {error}; mend that line")
    except UnicodeDecodeError as error:
        problems.append(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8")
    except OSError as error:
        problems.append(f"{path}: can't be read ({error.strerror}); give this user the right to")
    except ValidationError as error:
        problems += [_problem(path, model, item) for item in error.errors()]
    except SettingsError:
        problems.append(_no_json())
    return None


def _unknown_variables() -> list[str]:
    """A misspelt table would be passed over; a misspelt key is found with the tables."""
    named = sorted(name for name in os.environ if name.startswith("HUISHENG_") and "__" in name)
    tables = sorted(Settings.model_fields)
    return [
        f"environment {name}: unknown table; known here: {', '.join(tables)}"
        for name in named
        if name.removeprefix("HUISHENG_").partition("__")[0].lower() not in tables
    ]


def _no_json() -> str:
    """Which variable it is, the library does not tell; what it holds may be a secret."""
    return (
        "environment: a HUISHENG_… variable of a list or a whole table is no JSON; write it as in "
        """HUISHENG_BUS__BROKERS='["kafka:9092"]'"""
    )


def _problem(path: Path, model: type[BaseModel], item: Any) -> str:
    """One line of pydantic's findings: file: key: finding; remedy."""
    location: tuple[str | int, ...] = item["loc"]
    key = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in location)
    name = key.lstrip(".")
    place = f"{path}: {name}"
    overridden = "HUISHENG_" + "__".join(str(part).upper() for part in location)
    if overridden in os.environ:
        place = f"environment {overridden}"
    if item["type"] == "extra_forbidden":
        return f"{place}: unknown key; {_known_keys(model, location)}"
    if item["type"] == "missing":
        return f"{place}: is missing; add it"
    told = f"{place}: {item['msg'][0].lower()}{item['msg'][1:]}"
    if _SECRET.search(name):
        return f"{told}; write it as text, in quotes"
    found = str(item["input"])
    shown = found if len(found) <= 60 else found[:57] + "..."
    return f"{told}, got {shown!r}; {_remedy(item)}"


def _remedy(item: Any) -> str:
    kind: str = item["type"]
    if kind.startswith(("int", "float")) or kind in ("greater_than", "greater_than_equal"):
        return "write a number within the range, without quotes"
    if kind == "timezone_aware":
        return "add the offset, as in 2027-06-18T00:00:00+08:00"
    if kind.startswith("bool"):
        return "write true or false"
    if kind == "string_pattern_mismatch":
        if "http" in item["ctx"]["pattern"]:
            return "write a full http:// or https:// address"
        return "use lower-case letters, digits, - _ . (at most 64)"
    return "see the comments in the file that `huisheng init` writes"


def _known_keys(model: type[BaseModel], location: tuple[str | int, ...]) -> str:
    table: Any = model
    for part in location[:-1]:
        if isinstance(part, str) and table is not None:
            table = _model_of(table.model_fields[part].annotation)
    known = sorted(table.model_fields) if table is not None else []
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_of(part))), None)


def _duplicates(path: Path, table: str, keys: Sequence[str]) -> list[str]:
    first: dict[str, int] = {}
    problems = []
    for number, key in enumerate(keys, 1):
        if key in first:
            problems.append(
                f"{path}: {table}[{number}].id: {key!r} is already the id of "
                f"{table}[{first[key]}]; give each its own"
            )
        first.setdefault(key, number)
    return problems


def _unit_problems(path: Path, units: Sequence[Unit]) -> list[str]:
    """Stored rows hold the names; an alias may be shared where areas tell whose it is."""
    problems = []
    owners: dict[str, list[Unit]] = {}
    for number, unit in enumerate(units, 1):
        if any(unit.name == other.name for other in units[: number - 1]):
            problems.append(
                f"{path}: unit[{number}].name: {unit.name!r} already names another unit; "
                "give each its full name"
            )
            continue
        for key, alias in {normalise(each): each for each in (*unit.aliases, unit.name)}.items():
            others = owners.setdefault(key, [])
            told = (_shared(unit, alias, other) for other in others)
            problems += [f"{path}: unit[{number}]: {problem}" for problem in told if problem]
            others.append(unit)
    return problems


def _shared(unit: Unit, alias: str, other: Unit) -> str | None:
    found = f"{alias!r} already names {other.name!r}"
    without = [each.name for each in (unit, other) if not each.area]
    if without:
        return (
            f"{found}, and {without[0]!r} has no area; take it from one of them, or give both an "
            "area, and the sources theirs"
        )
    same = unit.area == other.area
    return f"{found} in {unit.area!r}; take it from one of them" if same else None


def _unknown_topics(path: Path, alerts: AlertRules, topics: Sequence[Topic]) -> list[str]:
    known = {topic.key for topic in topics}
    return [
        f"{path}: key_topics: no topic {key!r}; known: {', '.join(sorted(known))}"
        for key in alerts.key_topics
        if key not in known
    ]


def _topics(folder: Path, problems: list[str]) -> tuple[Topic, ...]:
    place = _place(folder, "topics")
    topics = (_topic(path, problems) for path in sorted(place.glob("*.txt")))
    return tuple(topic for topic in topics if topic)


def _topic(path: Path, problems: list[str]) -> Topic | None:
    rules = _rule_file(path, problems)
    header: dict[str, str] = {}
    lines = []
    for line in rules.lines:
        found = _HEADER.match(line.text)
        if found:
            header[found[1]] = (found[2] or "").strip()
        else:
            lines.append(line)
    unknown = sorted(set(header) - {"name", "name-en", "harm", "no-matter"})
    if unknown:
        problems.append(
            f"{path}: @{unknown[0]}: unknown; known here: @name, @name-en, @harm, @no-matter"
        )
    try:
        return Topic(
            key=path.stem,
            name=header.get("name", path.stem),
            name_en=header.get("name-en", path.stem),
            harm="harm" in header,
            forms_matter="no-matter" not in header,
            rules=RuleFile(path=rules.path, lines=tuple(lines)),
        )
    except ValidationError as error:
        problems += [_problem(path, Topic, item) for item in error.errors()]
        return None


def _rule_file(path: Path, problems: list[str]) -> RuleFile:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        problems.append(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8")
        text = ""
    except OSError as error:
        problems.append(f"{path}: can't be read ({error.strerror}); `huisheng init` writes one")
        text = ""
    lines = (RuleLine(number=n, text=t.strip()) for n, t in enumerate(text.splitlines(), 1))
    return RuleFile(path=str(path), lines=tuple(lines))

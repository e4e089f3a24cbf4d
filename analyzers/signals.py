"""What the rules found in a post, and its form, as numbers that the classifier weighs too."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p
from pathlib import Path

import numpy as np

from analyzers.classify import Floats
from analyzers.keywords import RuleMatch
from analyzers.reading import Reading
from analyzers.rule_syntax import Group
from runtime.config import Config, RuleFile

# So that a rule weighs about as much as a few words, and the form of a post a little more.
TOPIC_SCALE, RULE_SCALE, FORM_SCALE = 0.07, 0.12, 0.3
# A post is shorter than this many characters, or not.
LENGTHS = (15, 30, 50, 80, 120, 200, 300)
FORM = ("form/title", *(f"form/shorter than {length}" for length in LENGTHS))

Matches = Sequence[RuleMatch | None]


def rule_files(config: Config) -> dict[str, RuleFile]:
    """danger, owed/…, topics/…: the files in the order in which they are matched."""
    owed = {f"owed/{Path(file.path).stem}": file for file in config.owed}
    topics = {f"topics/{topic.key}": topic.rules for topic in config.topics}
    return {"danger": config.danger, **owed, **topics}


def signal_names(files: Sequence[str], groups: Sequence[Sequence[Group]]) -> tuple[str, ...]:
    """How much a file found, and whether it did; which of its named groups; the form of a post."""
    named = [
        f"{file}#{name}"
        for file, each in zip(files, groups, strict=True)
        for name in dict.fromkeys(group.name for group in each if group.name)
    ]
    return (*files, *(f"{file}?" for file in files), *named, *FORM)


@dataclass(frozen=True)
class _File:
    """Where the signals of a file stand, by name of those of its groups; what the model lacks,
    is not there.
    """

    score: int | None
    found: int | None
    groups: dict[str, int]
    scale: float

    def add(self, match: RuleMatch, start: int, places: list[int], values: list[float]) -> None:
        """Into the row that starts at `start`."""
        scale, groups = self.scale, self.groups
        if self.score is not None:
            places.append(start + self.score)
            values.append(log1p(match.score) * scale)
        if self.found is not None:
            places.append(start + self.found)
            values.append(scale)
        for name in match.groups:
            if name in groups:
                places.append(start + groups[name])
                values.append(scale)


class SignalReader:
    """Makes the signals that a model knows; what it knows of no file or group here is 0."""

    def __init__(self, files: Sequence[str], wanted: Sequence[str]) -> None:
        columns = {name: column for column, name in enumerate(wanted)}
        self._files = [_file(name, columns) for name in files]
        self._forms = _forms(columns)

    def read(self, readings: Sequence[Reading], matches: Sequence[Matches]) -> Floats:
        """(posts, signals)."""
        forms = [_form(bool(each.title_end), len(each.text)) for each in readings]
        signals = self._forms.take(forms, 0)
        places: list[int] = []
        values: list[float] = []
        start = 0
        for _, each in zip(readings, matches, strict=True):
            for file, match in zip(self._files, each, strict=True):
                if match:
                    file.add(match, start, places, values)
            start += signals.shape[1]
        # One by one, setting them would cost more than finding them.
        signals.put(places, values)
        return signals


def _file(name: str, columns: dict[str, int]) -> _File:
    scale = TOPIC_SCALE if name.startswith("topics/") else RULE_SCALE
    prefix = f"{name}#"
    groups = {
        each.removeprefix(prefix): column
        for each, column in columns.items()
        if each.startswith(prefix)
    }
    return _File(columns.get(name), columns.get(f"{name}?"), groups, scale)


def _form(has_title: bool, length: int) -> int:
    return has_title * (len(LENGTHS) + 1) + bisect_right(LENGTHS, length)


def _forms(columns: dict[str, int]) -> Floats:
    """A row for each form that a post can have: all that its rules found is still 0."""
    forms = np.zeros((2 * (len(LENGTHS) + 1), len(columns)), np.float32)
    for has_title in (False, True):
        for length in (0, *LENGTHS):
            told = [length < limit for limit in LENGTHS]
            for name, there in zip(FORM, (has_title, *told), strict=True):
                if there and name in columns:
                    forms[_form(has_title, length), columns[name]] = FORM_SCALE
    return forms

"""What the rules found in a post and its form as numbers: what the classifier weighs beside words."""

from collections.abc import Iterator, Sequence
from math import log1p
from pathlib import Path

import numpy as np

from analyzers.classify import Floats
from analyzers.keywords import RuleMatch
from analyzers.reading import Reading
from analyzers.rule_syntax import Group
from runtime.config import Config, RuleFile

# So that a rule weighs about as much as a few words.
SCALE = 0.1
LONGEST = 1_000
FORM = ("form/length", "form/title")

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


class SignalReader:
    """Makes the signals that a model knows; what it knows of no file or group here is 0."""

    def __init__(self, files: Sequence[str], wanted: Sequence[str]) -> None:
        self._columns = {name: column for column, name in enumerate(wanted)}
        self._files = [
            (self._columns.get(file), self._columns.get(f"{file}?"), f"{file}#") for file in files
        ]
        self._form = [self._columns.get(name) for name in FORM]

    def read(self, readings: Sequence[Reading], matches: Sequence[Matches]) -> Floats:
        """(posts, signals)."""
        signals = np.zeros((len(readings), len(self._columns)), np.float32)
        for row, (reading, each) in enumerate(zip(readings, matches, strict=True)):
            for column, value in self._of(reading, each):
                if column is not None:
                    signals[row, column] = value
        return signals * np.float32(SCALE)

    def _of(self, reading: Reading, matches: Matches) -> Iterator[tuple[int | None, float]]:
        for (score, found, prefix), match in zip(self._files, matches, strict=True):
            if match:
                yield score, log1p(match.score)
                yield found, 1.0
                for group in match.groups:
                    yield self._columns.get(prefix + group), 1.0
        yield self._form[0], log1p(min(len(reading.text), LONGEST)) / 5
        yield self._form[1], float(reading.title_end > 0)

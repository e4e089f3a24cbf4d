"""What the rules found in a post, and its form, as numbers that the classifier weighs too."""

from collections.abc import Iterator, Sequence
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


class SignalReader:
    """Makes the signals that a model knows; what it knows of no file or group here is 0."""

    def __init__(self, files: Sequence[str], wanted: Sequence[str]) -> None:
        self._columns = {name: column for column, name in enumerate(wanted)}
        self._files = [
            (
                self._columns.get(file),
                self._columns.get(f"{file}?"),
                f"{file}#",
                TOPIC_SCALE if file.startswith("topics/") else RULE_SCALE,
            )
            for file in files
        ]
        self._form = [self._columns.get(name) for name in FORM]

    def read(self, readings: Sequence[Reading], matches: Sequence[Matches]) -> Floats:
        """(posts, signals)."""
        signals = np.zeros((len(readings), len(self._columns)), np.float32)
        for row, (reading, each) in enumerate(zip(readings, matches, strict=True)):
            for column, value in self._of(reading, each):
                if column is not None:
                    signals[row, column] = value
        return signals

    def _of(self, reading: Reading, matches: Matches) -> Iterator[tuple[int | None, float]]:
        for (score, found, prefix, scale), match in zip(self._files, matches, strict=True):
            if match:
                yield score, log1p(match.score) * scale
                yield found, scale
                for group in match.groups:
                    yield self._columns.get(prefix + group), scale
        title, *shorter = self._form
        if reading.title_end:
            yield title, FORM_SCALE
        for column, length in zip(shorter, LENGTHS, strict=True):
            if len(reading.text) < length:
                yield column, FORM_SCALE

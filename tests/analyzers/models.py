"""A small model for tests: its arrays, its card, its files, and a card that is forged."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from analyzers import model_files
from analyzers.model_files import (
    CARD,
    SEEN,
    WEIGHTS,
    Arrays,
    Card,
    FittedOn,
    save,
)

ARRAYS: Arrays = {
    "topics": np.linspace(-1, 1, 24, dtype=np.float32).reshape(3, 8),
    "bias": np.array([0.5, -0.5, 0.0]),
    "scale": np.array(2, np.int16),
    SEEN: np.array([7, 9], np.uint32),
}


def card(**fields: Any) -> Card:
    given: dict[str, Any] = {
        "made_at": datetime(2026, 11, 2, tzinfo=UTC),
        "command": "huisheng train --data labelled.csv",
        "rules_version": "0123456789",
        "fitted_on": (FittedOn(name="labelled.csv", rows=3, sha256="00"),),
        "note": "Invented for a test.",
        "packages": {"numpy": np.__version__},
        "metrics": {"owed": {"macro_f1": 0.8}},
        "features": {"buckets": 8, "characters": [2, 3]},
        "classes": {"topics": ("fees", "exams"), "owed": ("question", "mention")},
        "thresholds": {"fees": 0.25},
        "calibration": {"fees": [1.5, -0.5]},
    }
    return Card(**{**given, **fields})


@dataclass(frozen=True)
class Stored:
    """A model's folder, and its two files as they were written."""

    folder: Path
    weights: bytes
    text: bytes

    def put(self, weights: bytes | None = None, text: bytes | None = None) -> None:
        (self.folder / WEIGHTS).write_bytes(self.weights if weights is None else weights)
        (self.folder / CARD).write_bytes(self.text if text is None else text)


def stored_in(folder: Path) -> Stored:
    save(folder, ARRAYS, card())
    return Stored(folder, (folder / WEIGHTS).read_bytes(), (folder / CARD).read_bytes())


def same(one: Arrays, other: Arrays) -> bool:
    names = set(one) == set(other)
    return names and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name])
        for name in one
    )


def without_seen(arrays: Arrays) -> Arrays:
    return {name: array for name, array in arrays.items() if name != SEEN}


def with_digests(text: bytes, weights: bytes, **fields: Any) -> bytes:
    """A card as someone would forge it: other fields, and digests that agree with them."""
    fields = {**json.loads(text), **fields, "weights_sha256": ""}
    found = msgspec.convert(fields, Card)
    digest = hashlib.sha256(weights).hexdigest()
    found = msgspec.structs.replace(found, weights_sha256=digest)
    found = msgspec.structs.replace(found, card_sha256=model_files._digest(found))
    return msgspec.json.encode(found)

"""Files damaged anywhere, and saves that are killed: refused, or equal to what was saved."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzers import model_files
from analyzers.model_files import (
    CARD,
    WEIGHTS,
    Card,
    ModelError,
    load,
    save,
    seen_rows,
)
from tests.analyzers.models import (
    ARRAYS,
    Stored,
    card,
    same,
    stored_in,
    with_digests,
    without_seen,
)


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return stored_in(tmp_path / "model")


def loads_as_it_was(stored: Stored) -> None:
    """Refused, or (where the bytes mean the same, such as blanks) exactly what was saved."""
    try:
        arrays, found = load(stored.folder)
    except ModelError:
        return
    assert same(arrays, without_seen(ARRAYS))
    assert found == msgspec.json.decode(stored.text, type=Card)


SHARED = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
    "max_examples": 300,
}


@settings(**SHARED)  # type: ignore[arg-type]
@given(st.sampled_from((WEIGHTS, CARD)), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_a_byte_that_flipped_never_passes(
    stored: Stored, name: str, where: float, change: int
) -> None:
    content = bytearray(stored.weights if name == WEIGHTS else stored.text)
    content[int(where * len(content))] ^= change
    stored.put(**{"weights" if name == WEIGHTS else "text": bytes(content)})
    loads_as_it_was(stored)


@settings(**SHARED)  # type: ignore[arg-type]
@given(st.sampled_from((WEIGHTS, CARD)), st.floats(0, 1), st.floats(0, 1), st.binary(max_size=4))
def test_a_piece_that_is_gone_or_strange_never_passes(
    stored: Stored, name: str, start: float, end: float, instead: bytes
) -> None:
    content = stored.weights if name == WEIGHTS else stored.text
    low, high = sorted((int(start * len(content)), int(end * len(content))))
    changed = content[:low] + instead + content[high:]
    stored.put(**{"weights" if name == WEIGHTS else "text": changed})
    loads_as_it_was(stored)


@settings(**SHARED)  # type: ignore[arg-type]
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_damaged_weights_with_a_card_that_agrees_never_crash(
    stored: Stored, where: float, change: int
) -> None:
    """Past the digest, what reads the file itself holds as well."""
    content = bytearray(stored.weights)
    content[int(where * len(content))] ^= change
    stored.put(bytes(content), with_digests(stored.text, bytes(content)))
    try:
        arrays, _ = load(stored.folder)
    except ModelError:
        return
    assert same(arrays, without_seen(ARRAYS))


class Killed(Exception):
    """The process ends here."""


STEPS = ("mkdir", "write weights", "write card", "move away", "move in")


@pytest.mark.parametrize("step", range(len(STEPS)), ids=STEPS)
def test_a_save_that_is_killed_leaves_the_model_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    folder = tmp_path / "model"
    save(folder, ARRAYS, card())
    done = 0

    def or_die(real: Any) -> Any:
        def act(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            done += 1
            if done > step:
                raise Killed
            return real(*arguments, **options)

        return act

    with monkeypatch.context() as patched:
        patched.setattr(Path, "mkdir", or_die(Path.mkdir))
        patched.setattr(model_files, "_write", or_die(model_files._write))
        patched.setattr(Path, "rename", or_die(Path.rename))
        # `mkdir` of the parent is the first of them, and changes nothing.
        done = -1
        with pytest.raises(Killed):
            save(folder, {"bias": np.zeros(3)}, card())
    assert same(load(folder)[0], without_seen(ARRAYS))
    assert seen_rows(folder).tolist() == [7, 9]
    save(folder, {"bias": np.zeros(3)}, card())
    assert same(load(folder)[0], {"bias": np.zeros(3)})
    assert [path.name for path in tmp_path.iterdir()] == ["model"]

"""A model is put away whole and read back equal, or refused with place, finding and remedy."""

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzers import model_files
from analyzers.model_files import (
    CARD,
    WEIGHTS,
    Array,
    ModelError,
    folder_of,
    load,
    save,
    seen_rows,
)
from runtime.clock import stopwatch
from runtime.errors import ConfigError
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


def refusal(folder: Path, **options: Any) -> str:
    with pytest.raises(ModelError) as raised:
        load(folder, **options)
    told = str(raised.value)
    assert str(folder) in told
    assert "huisheng train" in told
    return told


def test_what_was_saved_is_loaded(stored: Stored) -> None:
    arrays, found = load(stored.folder, ["fees", "exams", "praise"])
    assert same(arrays, without_seen(ARRAYS))
    assert seen_rows(stored.folder).tolist() == [7, 9]
    assert found.fields() == {**card().fields(), "version": found.version}
    assert (found.note, found.fitted_on, found.metrics) == (
        card().note,
        card().fitted_on,
        card().metrics,
    )
    assert len(found.version) == 10
    with np.load(stored.folder / WEIGHTS, allow_pickle=False) as plain:
        assert same(dict(plain), ARRAYS)


def test_the_version_is_that_of_what_decides(tmp_path: Path) -> None:
    version = save(tmp_path / "a", ARRAYS, card()).version
    same_again = {
        "note": "Another note.",
        "made_at": datetime(2027, 1, 1, tzinfo=UTC),
        "metrics": {},
    }
    assert save(tmp_path / "b", ARRAYS, card(**same_again)).version == version
    assert save(tmp_path / "b", without_seen(ARRAYS), card()).version == version
    assert save(tmp_path / "b", ARRAYS, card(thresholds={"fees": 0.3})).version != version
    other = {**ARRAYS, "bias": np.array([0.5, -0.5, 0.1])}
    assert save(tmp_path / "b", other, card()).version != version


def test_the_same_model_is_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / name, ARRAYS, card())
    for name in (WEIGHTS, CARD):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_large_model_loads_at_once(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).standard_normal((30, 1 << 16)).astype(np.float32)
    weights[weights < 1] = 0
    save(tmp_path / "model", {"weights": weights}, card())
    took = []
    for _ in range(3):
        started = stopwatch()
        load(tmp_path / "model")
        took.append(stopwatch() - started)
    assert min(took) < 0.3


@pytest.mark.parametrize(
    "arrays",
    [
        {"bad": np.array([1.0, np.nan])},
        {"bad": np.array([1.0, -np.inf], np.float16)},
        {"bad": np.array(["学校"])},
        {"bad": np.array([1j])},
        {"bad": np.array([1.0], ">f4")},
    ],
)
def test_what_could_not_be_loaded_is_not_saved(tmp_path: Path, arrays: dict[str, Array]) -> None:
    save(tmp_path / "model", ARRAYS, card())
    with pytest.raises(ModelError):
        save(tmp_path / "model", arrays, card())
    assert same(load(tmp_path / "model")[0], without_seen(ARRAYS))


@pytest.mark.parametrize("missing", [WEIGHTS, CARD])
def test_a_missing_file_is_told(stored: Stored, missing: str) -> None:
    (stored.folder / missing).unlink()
    assert f"{missing}: can't be read (No such file or directory)" in refusal(stored.folder)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    assert "can't be read" in refusal(tmp_path / "none")


@pytest.mark.parametrize(("number", "age"), [(1, "an older"), (3, "a newer")])
def test_another_format_is_told_as_such(stored: Stored, number: int, age: str) -> None:
    fields = {"format": number, "what": "is not known here"}
    stored.put(text=json.dumps(fields).encode())
    assert f"is of {age} format ({number}; this version reads 2)" in refusal(stored.folder)


@pytest.mark.parametrize(
    ("classes", "finding"),
    [
        ({"mood": ("good",)}, "has classes of mood"),
        ({"owed": ("question", "praise")}, "the unknown kind of answer 'praise'"),
        ({"topics": ("fees", "fees")}, "names a class of topics twice"),
    ],
)
def test_unknown_classes_are_refused(
    stored: Stored, classes: dict[str, tuple[str, ...]], finding: str
) -> None:
    stored.put(text=with_digests(stored.text, stored.weights, classes=classes))
    assert finding in refusal(stored.folder)


def test_topics_without_rules_are_refused(stored: Stored) -> None:
    assert "knows the topics exams, which have no rules here" in refusal(
        stored.folder, topics=["fees"]
    )


def test_a_card_changed_by_hand_is_refused(stored: Stored) -> None:
    stored.put(text=stored.text.replace(b"0.25", b"0.05"))
    assert "is damaged or was changed by hand" in refusal(stored.folder)


def test_weights_of_another_model_are_refused(stored: Stored, tmp_path: Path) -> None:
    save(tmp_path / "other", {"bias": np.zeros(3)}, card())
    stored.put(weights=(tmp_path / "other" / WEIGHTS).read_bytes())
    assert "is not the file that its card was written for" in refusal(stored.folder)


def packed(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, each in members.items():
            file.writestr(f"{name}.npy", each)
    return content.getvalue()


def npy(array: Array) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    return content.getvalue()


FORM = {"dtype": "<f8", "shape": [3]}
FORGED = {
    "an object array, which is a pickle": (
        packed(bias=npy(np.array([{}, {}, {}], object))),
        {"bias": {"dtype": "|O", "shape": [3]}},
        "is no array of plain numbers",
    ),
    "a pickle called numbers": (
        packed(bias=npy(np.array([{}, {}, {}], object))),
        {"bias": FORM},
        "is not the <f8 array (3,)",
    ),
    "another shape": (packed(bias=npy(np.zeros(4))), {"bias": FORM}, "is not the <f8 array (3,)"),
    "another type": (packed(bias=npy(np.zeros(3, "<f4"))), {"bias": FORM}, "is not the <f8 array"),
    "cut short": (packed(bias=npy(np.zeros(3))[:-8]), {"bias": FORM}, "is cut short or too long"),
    "no header": (packed(bias=b"\x93NUMPY"), {"bias": FORM}, "is not the <f8 array"),
    "not a number": (packed(bias=npy(np.full(3, np.nan))), {"bias": FORM}, "that are no numbers"),
    "another name": (packed(other=npy(np.zeros(3))), {"bias": FORM}, "other arrays than its card"),
    "a bomb": (packed(bias=bytes(200_000_000)), {"bias": FORM}, "is larger than its card says"),
    "a large shape": (packed(), {"bias": {**FORM, "shape": [10**12]}}, "more than 128000000 bytes"),
    "a negative shape": (packed(), {"bias": {**FORM, "shape": [-3]}}, "is no array of plain"),
    "no zip": (b"PK\x03\x04" + bytes(60), {"bias": FORM}, "can't be unpacked"),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_weights_are_refused_before_they_do_harm(stored: Stored, name: str) -> None:
    weights, arrays, finding = FORGED[name]
    stored.put(weights, with_digests(stored.text, weights, arrays=arrays))
    assert finding in refusal(stored.folder)


def test_files_that_are_too_large_are_not_read(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_files, "LARGEST_CARD", 100)
    assert "is larger than 100 bytes" in refusal(stored.folder)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"format":1}']
)
def test_what_is_no_card_is_refused(stored: Stored, text: bytes) -> None:
    stored.put(text=text)
    assert CARD in refusal(stored.folder)


def test_a_folder_that_holds_anything_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "topics").mkdir()
    with pytest.raises(ModelError, match="holds topics, which is no part of a model"):
        save(tmp_path, ARRAYS, card())
    assert (tmp_path / "topics").is_dir()
    (tmp_path / "file").write_text("note")
    with pytest.raises(ModelError):
        save(tmp_path / "file", ARRAYS, card())
    assert (tmp_path / "file").read_text() == "note"


def test_a_folder_that_can_t_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("note")
    with pytest.raises(ConfigError, match="can't be written"):
        save(tmp_path / "file" / "model", ARRAYS, card())


def test_what_the_setting_means() -> None:
    assert folder_of("none") is None
    assert folder_of("shipped") == model_files.SHIPPED
    assert folder_of("data/model") == Path("data/model")

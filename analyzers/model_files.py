"""A fitted model's arrays and card in, a folder of `weights.npz` and `card.json` out, and back.

Nothing in it is run when it is read; whatever is wrong with it is a ModelError."""

import hashlib
import io
import math
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from analyzers.labelled import HEADS
from runtime.errors import ConfigError
from schemas.posts import Owed

FORMAT = 2
WEIGHTS, CARD = "weights.npz", "card.json"
LARGEST_ARRAYS = 128_000_000
LARGEST_CARD = 4_000_000
# Digests of the texts that a model was fitted on, so that it is not judged on them unawares.
SEEN = "seen_rows"
VERSION_LENGTH = 10
REMEDY = "fit it anew with `huisheng train`, or set analyze.model to shipped or none"
SHIPPED = Path(__file__).parent / "model"
# The heads that tell the topics of posts, and of letters, which say at length what posts say in a
# word.
TOPICS = ("topics", "topics_long")
SETTINGS = {"shipped": SHIPPED, "none": None}

_NUMBERS = re.compile(r"[<|](?:f[248]|[iu][1248]|b1)")
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER_BYTES = 65_536 + len(_MAGIC) + 2
_UNZIPPING = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, RuntimeError)

Array = NDArray[Any]
Arrays = dict[str, Array]


class ModelError(ConfigError):
    """A model's files can't be used: place, finding, remedy. The rules go on alone."""


class FittedOn(msgspec.Struct, frozen=True, kw_only=True):
    """One file of samples, by name, size and digest; none of its text."""

    name: str
    rows: int
    sha256: str


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What an array must be."""

    dtype: str
    shape: tuple[int, ...]


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model is and where it comes from; `save` fills in `format` and what follows it."""

    made_at: datetime
    command: str
    rules_version: str
    fitted_on: tuple[FittedOn, ...]
    note: str
    packages: dict[str, str]
    metrics: dict[str, dict[str, float]] = {}
    features: dict[str, Any] = {}
    classes: dict[str, tuple[str, ...]] = {}
    thresholds: dict[str, Any] = {}
    calibration: dict[str, Any] = {}
    format: int = FORMAT
    version: str = ""
    arrays: dict[str, Form] = {}
    weights_sha256: str = ""
    card_sha256: str = ""

    def fields(self) -> dict[str, object]:
        """What the classifier needs beside the arrays."""
        return {
            "version": self.version,
            "features": self.features,
            "classes": self.classes,
            "thresholds": self.thresholds,
            "calibration": self.calibration,
        }


def folder_of(setting: str) -> Path | None:
    """The folder that `analyze.model` means; None is the rules alone."""
    return SETTINGS[setting] if setting in SETTINGS else Path(setting)


def save(folder: Path, arrays: Mapping[str, Array], card: Card) -> Card:
    """Put a model in place of the one there, whole or not at all; the card as it was written.

    Raises ModelError when the model can't be read back, or `folder` holds anything else.
    """
    filled, weights = _filled(arrays, card)
    text = msgspec.json.format(msgspec.json.encode(filled), indent=1) + b"\n"
    _read(folder, weights, text)
    if strange := _strangers(folder):
        finding = f"holds {strange[0]}, which is no part of a model"
        message = f"{folder}: {finding}; name an empty or new folder"
        raise ModelError(message)
    new, before = _beside(folder, "new"), _beside(folder, "before")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _recover(folder)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        _write(new / WEIGHTS, weights)
        _write(new / CARD, text)
        _sync(new)
        if folder.exists():
            folder.rename(before)
        new.rename(folder)
        _sync(folder.parent)
        shutil.rmtree(before, ignore_errors=True)
    except OSError as error:
        message = f"{folder}: can't be written ({error.strerror}); give this user the right to"
        raise ModelError(message) from error
    return filled


def load(folder: Path, topics: Collection[str] | None = None) -> tuple[Arrays, Card]:
    """The arrays and the card; with `topics`, classes of topics must be among them.

    Raises ModelError with place, finding and remedy.
    """
    arrays, card = _stored(folder)
    arrays.pop(SEEN, None)
    unknown = sorted(set(card.classes.get("topics", ())) - set(topics)) if topics else []
    if unknown:
        raise _bad(
            folder / CARD, f"knows the topics {', '.join(unknown)}, which have no rules here"
        )
    return arrays, card


def seen_rows(folder: Path) -> Array:
    """The digests of the texts that a model was fitted on; raises ModelError as `load` does."""
    arrays, _ = _stored(folder)
    return arrays.get(SEEN, np.empty(0, np.uint32))


def _stored(folder: Path) -> tuple[Arrays, Card]:
    place = folder
    if not folder.exists() and _beside(folder, "before").exists():
        # A save was killed between its two renames: the model before is still whole.
        place = _beside(folder, "before")
    text, weights = _bytes(place / CARD, LARGEST_CARD), _bytes(place / WEIGHTS, LARGEST_ARRAYS)
    return _read(place, weights, text)


def _bad(place: Path, finding: str) -> ModelError:
    return ModelError(f"{place}: {finding}; {REMEDY}")


def _beside(folder: Path, what: str) -> Path:
    return folder.with_name(f".{folder.name}.{what}")


def _recover(folder: Path) -> None:
    """What a save that was killed has left."""
    before = _beside(folder, "before")
    if folder.exists():
        shutil.rmtree(before, ignore_errors=True)
    elif before.exists():
        before.rename(folder)


def _strangers(folder: Path) -> list[str]:
    if not folder.exists():
        return []
    if not folder.is_dir():
        return ["no folder"]
    return sorted(set(os.listdir(folder)) - {WEIGHTS, CARD})


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _filled(arrays: Mapping[str, Array], card: Card) -> tuple[Card, bytes]:
    # As it will be read: JSON knows no tuples, and a whole number may come back as a fraction.
    card = msgspec.json.decode(msgspec.json.encode(card), type=Card)
    packed = io.BytesIO()
    plain = {name: np.asarray(array, order="C") for name, array in sorted(arrays.items())}
    np.savez_compressed(packed, **plain)  # type: ignore[arg-type]
    forms = {name: Form(dtype=a.dtype.str, shape=a.shape) for name, a in plain.items()}
    weights = packed.getvalue()
    filled = msgspec.structs.replace(
        card,
        format=FORMAT,
        version=_version(plain, card),
        arrays=forms,
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        card_sha256="",
    )
    return msgspec.structs.replace(filled, card_sha256=_digest(filled)), weights


def _version(arrays: Mapping[str, Array], card: Card) -> str:
    """Another one as soon as a weight, class, threshold or feature setting is."""
    digest = hashlib.blake2b(digest_size=VERSION_LENGTH // 2)
    for name in sorted(set(arrays) - {SEEN}):
        digest.update(f"\0{name} {arrays[name].dtype.str} {arrays[name].shape}\n".encode())
        digest.update(arrays[name].tobytes())
    digest.update(msgspec.json.encode(card.fields(), order="deterministic"))
    return digest.hexdigest()


def _digest(card: Card) -> str:
    """Over all of the card but the digest itself."""
    blank = msgspec.structs.replace(card, card_sha256="")
    return hashlib.sha256(msgspec.json.encode(blank, order="deterministic")).hexdigest()


def _bytes(path: Path, largest: int) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise _bad(path, "is no file")
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except OSError as error:
        raise _bad(path, f"can't be read ({error.strerror})") from error
    if len(content) > largest:
        raise _bad(path, f"is larger than {largest} bytes")
    return content


def _read(folder: Path, weights: bytes, text: bytes) -> tuple[Arrays, Card]:
    card = _card(folder / CARD, text)
    place = folder / WEIGHTS
    if hashlib.sha256(weights).hexdigest() != card.weights_sha256:
        raise _bad(place, "is not the file that its card was written for")
    sizes = {name: _size(folder / CARD, name, form) for name, form in card.arrays.items()}
    if sum(sizes.values()) > LARGEST_ARRAYS:
        raise _bad(folder / CARD, f"names arrays of more than {LARGEST_ARRAYS} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(weights)) as packed:
            inside = {info.filename: info.file_size for info in packed.infolist()}
            if set(inside) != {f"{name}.npy" for name in sizes}:
                raise _bad(place, "holds other arrays than its card names")
            for name, size in sizes.items():
                # Looked at before it is unpacked: a few bytes can unpack to more than there is.
                if inside[f"{name}.npy"] > size + _HEADER_BYTES:
                    raise _bad(place, f"{name} is larger than its card says")
            raw = {name: packed.read(f"{name}.npy") for name in sizes}
    except _UNZIPPING as error:
        raise _bad(place, f"can't be unpacked ({error})") from error
    return {name: _array(place, name, form, raw[name]) for name, form in card.arrays.items()}, card


class _Format(msgspec.Struct):
    format: int


def _card(place: Path, text: bytes) -> Card:
    try:
        found = msgspec.json.decode(text, type=_Format).format
        if found != FORMAT:
            age = "an older" if found < FORMAT else "a newer"
            raise _bad(place, f"is of {age} format ({found}; this version reads {FORMAT})")
        card = msgspec.json.decode(text, type=Card)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _bad(place, f"is no model's card ({error})") from error
    if card.card_sha256 != _digest(card):
        raise _bad(place, "is damaged or was changed by hand")
    _check_classes(place, card)
    return card


def _check_classes(place: Path, card: Card) -> None:
    if heads := sorted(set(card.classes) - {*HEADS, *TOPICS}):
        raise _bad(place, f"has classes of {heads[0]}, which no one asks for")
    owed = sorted(set(card.classes.get("owed", ())) - {each.value for each in Owed})
    if owed:
        raise _bad(place, f"knows the unknown kind of answer {owed[0]!r}")
    for head, classes in card.classes.items():
        if len(set(classes)) != len(classes):
            raise _bad(place, f"names a class of {head} twice")


def _size(place: Path, name: str, form: Form) -> int:
    if not _NUMBERS.fullmatch(form.dtype) or any(side < 0 for side in form.shape):
        raise _bad(place, f"{name} is no array of plain numbers ({form.dtype} {form.shape})")
    return math.prod(form.shape) * np.dtype(form.dtype).itemsize


def _array(place: Path, name: str, form: Form, raw: bytes) -> Array:
    """Read by what the card says: the file's own header has to agree, and is run by nobody."""
    start = len(_MAGIC) + 2 + int.from_bytes(raw[len(_MAGIC) : len(_MAGIC) + 2], "little")
    header = raw[:start].decode("latin-1")
    said = f"{{'descr': '{form.dtype}', 'fortran_order': False, 'shape': {form.shape}, }}"
    if not raw.startswith(_MAGIC) or said not in header:
        raise _bad(place, f"{name} is not the {form.dtype} array {form.shape} that its card names")
    dtype = np.dtype(form.dtype)
    if len(raw) - start != math.prod(form.shape) * dtype.itemsize:
        raise _bad(place, f"{name} is cut short or too long")
    array = np.frombuffer(raw, dtype, offset=start).reshape(form.shape)
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise _bad(place, f"{name} holds values that are no numbers (nan or infinite)")
    return array

"""A backup set back into a store: verified in full first, then loaded, then counted.

While it is loaded a table marks the store as unfinished, which no other command opens.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec
import zstandard

from runtime.errors import ConfigError
from storage.backup import FORM, MANIFEST, Manifest, Tell, hash_of
from storage.migrate import UNFINISHED, bring_up, shipped, shipped_views, tables_of
from storage.store import Store

MARK = "CREATE TABLE IF NOT EXISTS {name} (at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY at"
ENGINES = "SELECT name, engine FROM system.tables WHERE database = currentDatabase()"
COUNT = "SELECT count() FROM {name}{final}"
DROP = "DROP TABLE IF EXISTS {name} SYNC"
# Rows that a store has before anything was ever stored in it.
NOT_DATA = frozenset({"marks", "leader_terms"})


def read_set(folder: Path, tell: Tell) -> Manifest:
    """The manifest of a set whose files are all whole; raises ConfigError with what is wrong."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except OSError as error:
        message = f"{folder}: no whole backup ({MANIFEST}: {error.strerror}); choose another one"
        raise ConfigError(message) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"{folder / MANIFEST}: can't be read ({error}); choose another backup"
        raise ConfigError(message) from error
    _check_schema(folder, manifest)
    for file in manifest.files:
        path = folder / file.name
        if not path.is_file() or hash_of(path) != file.sha256:
            raise ConfigError(_broken(path, "is missing or not as it was written"))
        if file.table and lines_of(path).count(b"\n") != file.rows:
            raise ConfigError(_broken(path, f"does not hold {file.rows} rows"))
        tell(file.table, file.rows)
    return manifest


def _check_schema(folder: Path, manifest: Manifest) -> None:
    known = {migration.number: migration.digest for migration in shipped()}
    for applied in manifest.schema:
        if applied.number not in known:
            message = f"{folder}: has migration {applied.name}, unknown here; update huisheng"
            raise ConfigError(message)
        if known[applied.number] != applied.digest:
            message = f"{folder}: {applied.name} differs from the one here; reinstall huisheng"
            raise ConfigError(message)
    unknown = {file.table for file in manifest.files} - {"", *tables_of()}
    if unknown or not manifest.schema:
        message = f"{folder}: holds {sorted(unknown) or 'no schema'}; not a backup of a store"
        raise ConfigError(message)


def holds_data(store: Store) -> bool:
    """Whether a restore would replace anything; one that was cut off left nothing to keep."""
    there = _engines(store)
    if UNFINISHED in there:
        return False
    ours = [name for name in tables_of() if name in there and name not in NOT_DATA]
    return any(_count(store, name, "") for name in ours)


def restore_store(
    store: Store, folder: Path, manifest: Manifest, tell: Tell, last_step: Callable[[], None]
) -> None:
    """Replace all that the store holds by a set that read_set found whole.

    `last_step` is done before the store may be opened again. Cut off at any moment, the same call
    does it anew.
    """
    store.command(MARK.replace("{name}", UNFINISHED))
    for name in (*(view.name for view in shipped_views()), *tables_of(), "schema_migrations"):
        store.command(DROP.replace("{name}", name))
    bring_up(store, max(applied.number for applied in manifest.schema))
    for file in manifest.files:
        if file.table and file.rows:
            store.load(file.table, lines_of(folder / file.name), FORM)
        tell(file.table, file.rows)
    _compare(store, manifest)
    bring_up(store)
    last_step()
    store.command(DROP.replace("{name}", UNFINISHED))


def _compare(store: Store, manifest: Manifest) -> None:
    engines = _engines(store)
    for name in sorted({file.table for file in manifest.files} - {""}):
        final = " FINAL" if engines[name].startswith("Replacing") else ""
        found = _count(store, name, final)
        if found != manifest.rows(name):
            message = (
                f"{store.place}: {name} has {found} rows after the restore, its backup "
                f"{manifest.rows(name)}; stop what else writes there and restore again"
            )
            raise ConfigError(message)


def lines_of(path: Path) -> bytes:
    data: bytes = zstandard.decompress(path.read_bytes())
    return data


def _engines(store: Store) -> dict[str, str]:
    return {name: engine for name, engine in store.rows(ENGINES)}


def _count(store: Store, name: str, final: str) -> int:
    ((rows,),) = store.rows(COUNT.replace("{name}", name).replace("{final}", final))
    return int(rows)


def _broken(path: Path, finding: str) -> str:
    return f"{path}: {finding}; this backup is not whole, nothing was changed: choose another one"

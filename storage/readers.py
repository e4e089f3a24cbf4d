"""A read-only user on a ClickHouse server, for an analyst's own tools: the public views, no more.

Called by `huisheng reader`. What it may take and change is limited by the server itself.
"""

import re
from collections.abc import Sequence

from runtime.errors import ConfigError
from storage.store import Store, StoreError

ROLE = "huisheng_reader"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
PASSWORD_LENGTH = 12
# Tools may ask for less: JDBC drivers set max_result_rows and fail if they can't.
LIMITS = {
    "max_execution_time": 60,
    "max_memory_usage": 4_000_000_000,
    "max_result_rows": 1_000_000,
}
SETTINGS = ", ".join(
    [
        "readonly = 1",
        *(
            f"{name} = {limit} MIN 1 MAX {limit} CHANGEABLE_IN_READONLY"
            for name, limit in LIMITS.items()
        ),
        "result_overflow_mode = 'throw' CHANGEABLE_IN_READONLY",
    ]
)
VIEWS = """
SELECT currentDatabase(), name FROM system.tables
WHERE database = currentDatabase() AND engine = 'View' AND startsWith(name, 'v_') ORDER BY name
"""
USERS = "SELECT count() FROM system.users WHERE name = {name:String}"
READERS = """
SELECT count() FROM system.role_grants
WHERE user_name = {name:String} AND granted_role_name = {role:String}
"""
NO_RIGHT, NO_PLACE = 497, 514
EMBEDDED = "reader: the embedded store has no users; clients use the SQL endpoint (docs/sql.md)"


def provide_reader(store: Store, name: str, password: str) -> list[str]:
    """Makes the user, or gives one that was made here a new password; returns the views it reads.

    Raises ConfigError when the name, the password or the rights of the store's own user don't do.
    """
    _check(store, name, password)
    try:
        found = store.rows(VIEWS)
        if not found:
            message = f"{store.place}: has no public views (v_posts, …); run `huisheng migrate`"
            raise ConfigError(message)
        _check_free(store, name)
        for statement in statements(name, password, store.cluster, found):
            store.command(statement)
    except StoreError as error:
        raise ConfigError(_remedy(store, error, password)) from error
    return [str(view) for _, view in found]


def statements(
    name: str, password: str, cluster: str, views: Sequence[tuple[str, str]]
) -> list[str]:
    """What is run, each harmless when it is run again. `views`: (database, view)."""
    on = f" ON CLUSTER {cluster}" if cluster else ""
    quoted = password.replace("\\", "\\\\").replace("'", "\\'")
    database = views[0][0]
    user = (
        f"{name}{on} IDENTIFIED WITH sha256_password BY '{quoted}' "
        f"DEFAULT DATABASE `{database}` SETTINGS {SETTINGS}"
    )
    return [
        f"CREATE ROLE IF NOT EXISTS {ROLE}{on}",
        *grants(ROLE, on, views),
        f"CREATE USER IF NOT EXISTS {user}",
        f"ALTER USER {user}",
        f"GRANT{on} {ROLE} TO {name}",
    ]


def grants(role: str, on: str, views: Sequence[tuple[str, str]]) -> list[str]:
    return [f"GRANT{on} SELECT ON `{database}`.`{view}` TO {role}" for database, view in views]


def _check(store: Store, name: str, password: str) -> None:
    problem = ""
    if store.embedded:
        raise ConfigError(EMBEDDED)
    if not NAME.fullmatch(name):
        problem = f"{name!r} is no user name; use A-Z, a-z, 0-9 and _, at most 63"
    elif len(password) < PASSWORD_LENGTH or "\0" in password:
        problem = f"the password is shorter than {PASSWORD_LENGTH} characters; choose a longer one"
    if problem:
        message = f"reader: {problem}"
        raise ConfigError(message)


def _check_free(store: Store, name: str) -> None:
    """Another's user keeps its password and rights."""
    taken = store.rows(USERS, {"name": name}) != [(0,)]
    if taken and store.rows(READERS, {"name": name, "role": ROLE}) == [(0,)]:
        message = (
            f"reader: {name} is a user of {store.place} already, not one made here; take another"
        )
        raise ConfigError(message)


def _remedy(store: Store, error: StoreError, password: str) -> str:
    found = str(error).replace(password, "***")
    remedy = "mend that and run it again"
    if error.code == NO_RIGHT:
        remedy = (
            "let store.user manage access (<access_management>1</access_management> in users.xml), "
            "or set a store.user that may for this command alone"
        )
    elif error.code == NO_PLACE:
        remedy = (
            "let the server keep users (access_control_path, or a local_directory or replicated "
            "under user_directories in its config.xml)"
        )
    return f"reader: {store.place}: {found}; {remedy}"

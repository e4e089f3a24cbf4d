"""One thin wrapper over clickhouse-connect: `chdb:///dir` or `http://host:8123` from one setting.

Rows go in and come out as plain values with aware UTC times. What each table means stands in the
modules beside this one, which hold the SQL.
"""

import logging
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    DatabaseError,
    DataError,
    OperationalError,
)
from clickhouse_connect.driver.httpclient import HttpClient

from runtime.errors import ConfigError, RetryLater
from storage.asking import LIMITS, AskFailed, whole_answer

# It logs failures, a page for each value that it can't send; they reach the caller as exceptions.
logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)

Row = tuple[Any, ...]
Params = Mapping[str, object]
Limits = Mapping[str, int]

# A server that takes no connection, or does not answer, is RetryLater after so long.
CONNECT_SECONDS = 5
ANSWER_SECONDS = 60

# What one query may take: the page's, and those that the alerter decides by.
PAGE_LIMITS: Limits = {
    "max_execution_time": 10,
    "max_memory_usage": 1_000_000_000,
    "max_rows_to_read": 1_000_000_000,
}
WINDOW_LIMITS: Limits = {
    "max_execution_time": 30,
    "max_memory_usage": 4_000_000_000,
    "max_rows_to_read": 10_000_000_000,
}

# On a cluster an insert is stored when it returns, and a source's rows meet on one shard.
CLUSTER_SETTINGS = {"distributed_foreground_insert": 1, "distributed_product_mode": "local"}

# ClickHouse's codes after which the same statement may go through later: time-outs, too many
# queries or parts, memory, disk space, network.
PASSING = frozenset({159, 202, 209, 210, 241, 243, 252})
NO_SPACE = 243
NO_CLUSTER = 701
# Values that can't be read, are out of range, too large, missing, or break a constraint.
OF_ROWS = frozenset({6, 26, 27, 38, 41, 69, 70, 72, 117, 131, 321, 349, 469, 691})
EXCEEDED = {
    158: "a query would read more rows than it may",
    159: "a query took longer than it may",
    241: "a query wanted more memory than it may have",
    307: "a query would read more bytes than it may",
    396: "an answer has more rows than it may",
}


# What is left of a login that was cut at a `/`, `?` or `#` of its password, or stands elsewhere.
_LOGIN_ASTRAY = re.compile(r"//[^/?#]*[/?#].*(@|password=|user(name)?=)|#")


class StoreError(Exception):
    """A statement that the database refuses; `code` is ClickHouse's own.

    `of_rows`: for what stands in the rows that it was given; other rows may go through.
    """

    def __init__(self, error: ClickHouseError) -> None:
        self.code: int = getattr(error, "code", None) or 0
        self.of_rows = isinstance(error, DataError) or self.code in OF_ROWS
        super().__init__(_words(error))


class Store:
    """Thread-safe: each thread gets its own handle. Close it before opening another path."""

    def __init__(self, dsn: str, user: str = "", password: str = "", cluster: str = "") -> None:
        """`user` and `password` come before those in the dsn, which are taken out of it.

        Raises ConfigError when the folder is in use or the dsn is none, RetryLater when no server
        answers.
        """
        parts = _parts(dsn)
        self.embedded = parts.scheme == "chdb"
        self.dsn = dsn if self.embedded else _without_user(parts)
        self.cluster = "" if self.embedded else cluster
        self.place = parts.path if self.embedded else self.dsn
        self._options: dict[str, Any] = {}
        if not self.embedded:
            self._options = _server_options(parts, user, password, self.cluster)
        self._local = threading.local()
        self._clients: list[Client] = []
        self._lock = threading.Lock()
        self._client()

    def rows(
        self, sql: str, params: Params | None = None, limits: Limits | None = None
    ) -> list[Row]:
        """The rows of a SELECT; `params` are bound as {name:Type}."""
        client, bound, settings = self._client(), dict(params or {}), dict(limits or {})
        try:
            result = client.query(sql, parameters=bound, settings=settings, tz_mode="aware")
        except ClickHouseError as error:
            raise self._failure(client, error) from error
        return [tuple(row) for row in result.result_rows]

    def command(self, sql: str, params: Params | None = None) -> None:
        client = self._client()
        try:
            client.command(sql, parameters=dict(params or {}))
        except ClickHouseError as error:
            raise self._failure(client, error) from error

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """All rows or none; returns when they are stored."""
        if not rows:
            return
        client = self._client()
        try:
            client.insert(table, rows, column_names=columns)
        except ClickHouseError as error:
            raise self._failure(client, error) from error

    def load(self, table: str, data: bytes, form: str) -> None:
        """Insert rows in one of ClickHouse's formats; a column that they lack gets its default."""
        client = self._client()
        try:
            client.raw_insert(table, insert_block=data, fmt=form)
        except ClickHouseError as error:
            raise self._failure(client, error) from error

    def ask(self, sql: str, form: str) -> bytes:
        """The answer to a foreign SELECT in one of ClickHouse's formats, read-only and limited.

        `readonly` can't be taken back, so the handle is a fresh one and is thrown away. Raises
        StoreError with ClickHouse's own words.
        """
        if self.embedded:
            return self._ask_embedded(sql, form)
        client = self._connect(session=True)
        try:
            for name, value in LIMITS.items():
                client.command(f"SET {name} = '{value}'")
            # Over HTTP the client sends settings of its own, which only 2 admits.
            client.command("SET readonly = 2")
            answer: bytes = client.raw_query(sql, fmt=form)
        except ClickHouseError as error:
            raise self._failure(client, error) from error
        finally:
            client.close()
        return answer

    def _ask_embedded(self, sql: str, form: str) -> bytes:
        try:
            return whole_answer(self.place, sql, form)
        except AskFailed as failed:
            error = DatabaseError(str(failed), code=failed.code)
            if failed.code in PASSING:
                message = f"{self.place}: {_words(error)}"
                raise RetryLater(message) from failed
            raise StoreError(error) from failed

    def close(self) -> None:
        with self._lock:
            for client in self._clients:
                client.close()
            self._clients.clear()
        self._local = threading.local()

    def _client(self) -> Client:
        client: Client | None = getattr(self._local, "client", None)
        if client is None:
            client = self._connect()
            self._local.client = client
            with self._lock:
                self._clients.append(client)
        return client

    def _connect(self, *, session: bool = False) -> Client:
        """A session outlives a time-out and is locked meanwhile: only where settings must stay."""
        options: dict[str, Any] = {} if self.embedded else {"autogenerate_session_id": session}
        try:
            client = clickhouse_connect.get_client(dsn=self.dsn, **self._options, **options)
        except ClickHouseError as error:
            raise self._refusal(error) from error
        if isinstance(client, HttpClient):
            # Ours are the retries: one of the driver's would double every wait.
            client.http_retries = 0
        return client

    def _refusal(self, error: ClickHouseError) -> Exception:
        text = str(error)
        if "already initialized with path" in text:
            return ConfigError(
                f"{self.place}: this process has another store open; close that first"
            )
        if self.embedded and "EmbeddedServer" in text:
            return ConfigError(
                f"{self.place}: the store can't be opened, most likely because another huisheng "
                "process uses it; stop that one or set another data.dir"
            )
        if isinstance(error, OperationalError):
            found = f"ClickHouse does not answer: {_root(error)}"
            return RetryLater(f"{self.place}: {found}; start it, or mend store.dsn")
        return ConfigError(
            f"{self.place}: ClickHouse refuses the connection: {_first_lines(text)}; "
            "check store.dsn, its user and password"
        )

    def _failure(self, client: Client, error: ClickHouseError) -> Exception:
        if self.embedded:
            # chDB hands the rows of a query that failed part-way to the next one: take them off.
            client.raw_query("SELECT 1", fmt="Null")
        if isinstance(error, OperationalError) or getattr(error, "code", None) in PASSING:
            remedy = "; free some disk space" if getattr(error, "code", None) == NO_SPACE else ""
            return RetryLater(f"{self.place}: {_words(error)}{remedy}")
        if self.cluster and getattr(error, "code", None) == NO_CLUSTER:
            return ConfigError(
                f"store.cluster: {self.place} has no cluster {self.cluster}; take one that stands "
                "in its system.clusters, or none for one server"
            )
        return StoreError(error)


def _parts(dsn: str) -> SplitResult:
    """The dsn itself is not told: a password may stand anywhere in one that can't be read."""
    try:
        parts = urlsplit(dsn)
        named = parts.hostname and parts.port != 0
    except ValueError:
        named = None
    if not dsn.startswith("chdb:") and (not named or _LOGIN_ASTRAY.search(dsn)):
        message = (
            "store.dsn: can't be read; write it as http://host:8123/database, and the user and "
            "password as store.user and store.password (in the environment HUISHENG_STORE__USER "
            "and HUISHENG_STORE__PASSWORD), where they may hold any character"
        )
        raise ConfigError(message)
    return parts


def _without_user(parts: SplitResult) -> str:
    """The server's address, for people to read as well."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = parts.port or (8443 if parts.scheme == "https" else 8123)
    return parts._replace(netloc=f"{host}:{port}").geturl()


def _server_options(parts: SplitResult, user: str, password: str, cluster: str) -> dict[str, Any]:
    return {
        "username": user or unquote(parts.username or "") or "default",
        "password": password or unquote(parts.password or ""),
        "connect_timeout": CONNECT_SECONDS,
        "send_receive_timeout": ANSWER_SECONDS,
        "query_retries": 0,
        "settings": CLUSTER_SETTINGS if cluster else None,
    }


def _words(error: ClickHouseError) -> str:
    found = _first_lines(str(error))
    exceeded = EXCEEDED.get(getattr(error, "code", None) or 0)
    return f"{exceeded}: {found}" if exceeded else found


def _root(error: BaseException) -> str:
    while inner := error.__cause__ or error.__context__:
        error = inner
    return _first_lines(str(error))


def _first_lines(text: str) -> str:
    """ClickHouse's message without the statement and stack trace that follow it."""
    return " ".join(text.split())[:300]

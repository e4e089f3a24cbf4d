"""What JDBC drivers and tools built on them ask before a user does, as requests on the wire.

The shapes are those of ClickHouse's second JDBC driver (DBeaver, Metabase): rows in RowBinary.
"""

import struct
from collections.abc import Iterator
from io import BytesIO

import httpx
import pytest

from storage.store import Store
from tests.contracts.sql_endpoint import POSTS, TOKEN, Endpoint, sql_endpoint

ROW_BINARY = "RowBinaryWithNamesAndTypes"
TABLES = """
SELECT '' AS TABLE_CAT, t.database AS TABLE_SCHEM, t.name AS TABLE_NAME,
    if(t.is_temporary = 1, concat('Temporary', t.engine), t.engine) AS TABLE_TYPE
FROM system.tables t JOIN system.databases d ON system.tables.database = system.databases.name
WHERE t.database LIKE 'default' AND t.name LIKE '%' AND ((t.engine IN ('View','ReplacingMergeTree'))
    OR (t.engine NOT IN ('Log') AND NOT t.engine LIKE 'System%')) AND (t.is_temporary = 0)
ORDER BY TABLE_NAME
"""
COLUMNS = """
SELECT database AS TABLE_SCHEM, name AS COLUMN_NAME, type AS TYPE_NAME,
    toString(multiIf(character_octet_length IS NOT NULL, character_octet_length,
        system.columns.type == 'Int8', 1, 0)) AS COLUMN_SIZE,
    position(upper(type), 'NULLABLE') >= 1 ? 'YES' : 'NO' AS IS_NULLABLE,
    toString(character_octet_length::Nullable(Int32)) AS CHAR_OCTET_LENGTH
FROM system.columns WHERE database LIKE 'default' AND table LIKE 'posts' AND name LIKE '%'
ORDER BY system.columns.position
"""
KEYS = """
SELECT system.tables.name AS TABLE_NAME, trim(c.1) AS COLUMN_NAME,
    toString(CAST(c.2 AS Int16)) AS SEQ
FROM system.tables ARRAY JOIN arrayZip(splitByChar(',', primary_key),
    arrayEnumerate(splitByChar(',', primary_key))) as c
WHERE system.tables.primary_key <> '' AND system.tables.name ILIKE 'engagement' ORDER BY SEQ
"""


@pytest.fixture(scope="module")
def endpoint(chdb_store: Store) -> Iterator[Endpoint]:
    with sql_endpoint(chdb_store) as found:
        yield found


@pytest.fixture
def driver(endpoint: Endpoint) -> Iterator[httpx.Client]:
    headers = {
        "Content-Type": "text/plain",
        "User-Agent": "jdbc-v2/0.9 clickhouse-java-v2/0.9 (Linux; jvm:21)",
        "X-ClickHouse-Database": "default",
        "X-ClickHouse-Format": ROW_BINARY,
    }
    auth = ("default", TOKEN)
    with httpx.Client(base_url=endpoint.url, headers=headers, auth=auth, trust_env=False) as http:
        yield http


def ask(driver: httpx.Client, sql: str, **settings: str) -> list[list[str | None]]:
    answer = driver.post("/", params=settings, content=sql.encode())
    assert answer.status_code == 200, answer.text
    assert answer.headers["X-ClickHouse-Format"] == ROW_BINARY
    assert answer.headers["X-ClickHouse-Query-Id"]
    return rows_of(answer.content)


def rows_of(content: bytes) -> list[list[str | None]]:
    """Rows of strings, which all that is asked for here is turned into."""
    stream = BytesIO(content)
    count = _number(stream)
    names = [_text(stream) for _ in range(count)]
    kinds = [_text(stream) for _ in names]
    assert set(kinds) <= {"String", "Nullable(String)", "LowCardinality(String)"}, kinds
    rows = []
    while stream.tell() < len(content):
        rows.append([_value(stream, kind) for kind in kinds])
    return rows


def _number(stream: BytesIO) -> int:
    value = shift = 0
    while True:
        byte = stream.read(1)[0]
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value


def _text(stream: BytesIO) -> str:
    return stream.read(_number(stream)).decode()


def _value(stream: BytesIO, kind: str) -> str | None:
    if kind.startswith("Nullable") and struct.unpack("?", stream.read(1))[0]:
        return None
    return _text(stream)


def test_connecting(driver: httpx.Client, endpoint: Endpoint) -> None:
    hello = "SELECT currentUser() AS user, timezone() AS timezone, version() AS version LIMIT 1"
    ((user, zone, version),) = ask(driver, hello)
    assert (user, zone) == ("default", endpoint.store.rows("SELECT timezone()")[0][0])
    assert str(version).startswith("26.")
    assert ask(driver, "SELECT version()") == [[version]]
    ((found, shown),) = ask(driver, "select timezone(), version()")
    assert (found, shown) == (zone, version)
    settings = "SELECT name, value FROM system.settings WHERE name IN ('readonly', 'max_threads')"
    assert [row[0] for row in ask(driver, settings)] == ["max_threads", "readonly"]
    older = "select toString(1) from system.settings where name = 'x' limit 1"
    assert ask(driver, older, send_progress_in_http_headers="1", compress="0") == []


def test_the_tree_of_databases_tables_and_columns(driver: httpx.Client) -> None:
    schemas = ask(driver, "SELECT name AS TABLE_SCHEM, '' AS C FROM system.databases ORDER BY name")
    assert ["default", ""] in schemas
    tables = {row[2]: row[3] for row in ask(driver, TABLES)}
    assert tables["posts"] == "ReplacingMergeTree"
    columns = ask(driver, COLUMNS)
    assert columns[0][1:3] == ["counted_at", "DateTime64(3, 'UTC')"]
    assert {row[1]: row[4] for row in columns}["updated_at"] == "YES"
    keys = ask(driver, KEYS)
    assert [row[1] for row in keys] == ["source", "id", "at"]
    for more in ("data_type_families", "table_engines", "functions", "data_skipping_indices"):
        ask(driver, f"SELECT name FROM system.{more} LIMIT 5")  # noqa: S608
    assert ask(driver, "SELECT engine FROM system.parts LIMIT 1")
    assert ask(driver, "SHOW DATABASES")
    assert ["posts"] in ask(driver, "SHOW TABLES FROM default")
    assert ask(driver, "DESCRIBE TABLE posts")[0][:2] == ["counted_at", "DateTime64(3, 'UTC')"]
    assert "ENGINE" in str(ask(driver, "SHOW CREATE TABLE default.posts"))


def test_a_grid_of_rows_with_the_limit_that_the_tool_sets(driver: httpx.Client) -> None:
    sql = "SELECT p.id FROM default.posts AS p ORDER BY id"
    assert len(ask(driver, sql)) == POSTS
    first = ask(driver, f"{sql} LIMIT 0, 20", max_result_rows="200", result_overflow_mode="break")
    assert len(first) == 20
    ((one,),) = ask(driver, "SELECT toString(count()) FROM posts", extremes="0", session_id="a")
    assert one == str(POSTS)


def test_what_the_driver_must_not_send_is_told_in_words(driver: httpx.Client) -> None:
    packed = driver.post("/", params={"compress": "1"}, content=b"SELECT 1")
    assert packed.status_code == 400
    assert packed.headers["X-ClickHouse-Exception-Code"] == "36"
    assert "set the property compress to false" in packed.text
    elsewhere = driver.post("/", headers={"X-ClickHouse-Database": "system"}, content=b"SELECT 1")
    assert (elsewhere.status_code, elsewhere.headers["X-ClickHouse-Exception-Code"]) == (404, "81")

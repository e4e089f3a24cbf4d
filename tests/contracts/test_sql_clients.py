"""Clients that users have, each against the endpoint over loopback on a store with rows."""

import asyncio
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import clickhouse_connect
import pandas
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from storage.store import Store
from tests.contracts.sql_endpoint import POSTS, TOKEN, Endpoint, sql_endpoint

COLUMNS = (
    "id, source, counted_at, published_at, updated_at, topics, units, owed, danger, sensitivity"
)
ALL_POSTS = f"SELECT {COLUMNS} FROM posts FINAL ORDER BY counted_at, id"  # noqa: S608


@pytest.fixture(scope="module")
def endpoint(chdb_store: Store) -> Iterator[Endpoint]:
    with sql_endpoint(chdb_store) as found:
        yield found


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[Client]:
    made = clickhouse_connect.get_client(
        host="127.0.0.1", port=endpoint.port, username="analyst", password=TOKEN
    )
    yield made
    made.close()


def test_rows_are_the_stores_own(client: Client, endpoint: Endpoint) -> None:
    """DateTime64 in UTC, LowCardinality, Array, Nullable, Bool: equal to what the store reads."""
    result = client.query(ALL_POSTS, tz_mode="aware")
    rows = [tuple(row) for row in result.result_rows]
    assert rows == endpoint.store.rows(ALL_POSTS)
    assert len(rows) == POSTS
    assert rows[0][2].tzinfo is UTC
    assert {type(row[4]) for row in rows} == {datetime, type(None)}
    kinds = dict(zip(result.column_names, (kind.name for kind in result.column_types), strict=True))
    assert kinds["topics"] == "Array(LowCardinality(String))"
    assert kinds["updated_at"] == "Nullable(DateTime64(3, 'UTC'))"


def test_parameters_of_both_kinds(client: Client) -> None:
    bound = (
        "SELECT count() FROM posts FINAL WHERE id = {id:String} AND has({all:Array(String)}, id)"
    )
    assert client.query(bound, {"id": "帖3", "all": ["帖3", "it's"]}).result_rows == [(1,)]
    filled_in = "SELECT count() FROM posts FINAL WHERE id = %(id)s"
    assert client.query(filled_in, {"id": "帖3"}).result_rows == [(1,)]
    quoted = "SELECT {x:String}"
    text = "it's \\ a\ttab\nand 中文 {y:String}"
    assert client.query(quoted, {"x": text}).result_rows == [(text,)]
    table = "SELECT count() FROM {t:Identifier} FINAL"
    assert client.query(table, {"t": "posts"}).result_rows == [(POSTS,)]
    long = "x" * 200_000
    assert client.query("SELECT length({x:String})", {"x": long}).result_rows == [(200_000,)]


def test_commands_and_descriptions(client: Client) -> None:
    assert client.command("SELECT count() FROM posts FINAL") == POSTS
    assert client.ping()
    assert "posts" in str(client.command("SHOW TABLES"))
    names = [row[0] for row in client.query("DESCRIBE TABLE posts").result_rows]
    assert names[:3] == ["counted_at", "source", "id"]
    assert client.query("SELECT id FROM posts LIMIT 0").column_names == ("id",)
    assert client.query("SELECT 1 WHERE 0").result_rows == []


def test_frames_and_arrays(client: Client) -> None:
    frame = client.query_df("SELECT counted_at, id, danger FROM posts FINAL ORDER BY id")
    assert list(frame.columns) == ["counted_at", "id", "danger"]
    assert len(frame) == POSTS
    assert str(frame.dtypes["counted_at"]).startswith("datetime64[")
    numbers = client.query_np("SELECT number, number * 2 FROM numbers(1000)")
    assert numbers.sum() == 3 * 999 * 1000 // 2


def test_rows_in_a_stream(client: Client) -> None:
    with client.query_rows_stream("SELECT number FROM numbers(1000000)") as rows:
        assert sum(row[0] for row in rows) == 999_999 * 1_000_000 // 2
    assert client.query("SELECT 7").result_rows == [(7,)]


def test_an_answer_that_fails_on_its_way_is_no_shorter_answer(client: Client) -> None:
    with pytest.raises(StreamFailureError, match="Limit for result exceeded"):
        assert client.query("SELECT number FROM numbers(6000000)").result_rows
    assert client.query("SELECT 7").result_rows == [(7,)]


def test_settings_that_may_be_given(client: Client) -> None:
    lowered = client.query(
        "SELECT getSetting('max_execution_time'), getSetting('readonly')",
        settings={"max_execution_time": 3},
    )
    assert [int(value) for value in lowered.result_rows[0]] == [3, 1]
    with pytest.raises(DatabaseError, match="164"):
        client.query("SELECT 1", settings={"max_query_size": 10_000_000})


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT nosuch", 47),
        ("SELECT * FROM nosuch", 60),
        ("SELEC 1", 497),
        ("SELECT 1 +", 62),
        ("DROP TABLE posts", 497),
        ("INSERT INTO marks VALUES ('x', now())", 497),
        ("SELECT file('/etc/hostname')", 497),
    ],
)
def test_errors_are_clickhouses(client: Client, sql: str, code: int) -> None:
    with pytest.raises(DatabaseError) as refused:
        client.query(sql)
    assert refused.value.code == code


def test_a_wrong_password_is_told(endpoint: Endpoint) -> None:
    with pytest.raises(DatabaseError, match="516"):
        clickhouse_connect.get_client(host="127.0.0.1", port=endpoint.port, password="wrong")


def test_the_async_client(endpoint: Endpoint) -> None:
    async def ask() -> list[Any]:
        client = await clickhouse_connect.get_async_client(
            host="127.0.0.1", port=endpoint.port, username="analyst", password=TOKEN
        )
        try:
            answers = await asyncio.gather(
                client.query(ALL_POSTS, tz_mode="aware"),
                *(client.query("SELECT {n:UInt8}", {"n": n}) for n in range(20)),
            )
            frame = await client.query_df("SELECT id FROM posts FINAL")
            return [*answers, len(frame)]
        finally:
            await client.close()

    rows, *numbers, length = asyncio.run(ask())
    assert [tuple(row) for row in rows.result_rows] == endpoint.store.rows(ALL_POSTS)
    assert [answer.result_rows for answer in numbers] == [[(n,)] for n in range(20)]
    assert length == POSTS


def test_pandas_reads_the_address(endpoint: Endpoint) -> None:
    query = "SELECT+id,counted_at+FROM+posts+FINAL+FORMAT+CSVWithNames"
    headers = {"X-ClickHouse-User": "analyst", "X-ClickHouse-Key": TOKEN}
    address = f"{endpoint.url}?query={query}"
    frame = pandas.read_csv(address, storage_options=headers, parse_dates=["counted_at"])
    assert len(frame) == POSTS
    in_address = pandas.read_csv(f"{address}&user=analyst&password={TOKEN}")
    assert list(in_address.columns) == ["id", "counted_at"]


def curl(*arguments: str) -> bytes:
    done = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", *arguments], capture_output=True, timeout=30, check=True
    )
    return done.stdout


def test_curl(endpoint: Endpoint) -> None:
    sql = "SELECT count() AS posts FROM posts FINAL FORMAT JSONEachRow"
    user = ("--user", f"analyst:{TOKEN}")
    assert curl(*user, endpoint.url, "--data-binary", sql) == b'{"posts":%d}\n' % POSTS
    assert curl(f"{endpoint.url}ping") == b"Ok.\n"
    assert curl(*user, "-G", endpoint.url, "--data-urlencode", "query=SELECT 1") == b"1\n"
    parted = f"{endpoint.url}?query=SELECT+count()"
    assert curl(*user, parted, "--data-binary", "FROM posts FINAL") == b"%d\n" % POSTS
    given = f"{endpoint.url}?param_id=%E5%B8%963&default_format=CSV"
    asked = "SELECT id FROM posts FINAL WHERE id = {id:String}"
    assert curl(*user, given, "--data-binary", asked) == '"帖3"\n'.encode()
    form = ("-F", "query=SELECT {x:String}", "-F", "param_x=中")
    assert curl(*user, endpoint.url, *form) == "中\n".encode()
    assert b"Code: 516." in curl(endpoint.url, "--data-binary", "SELECT 1")


def test_parquet_and_arrow_files_come_out(endpoint: Endpoint) -> None:
    user = ("--user", f"analyst:{TOKEN}")
    for form, mark in (("Parquet", b"PAR1"), ("Arrow", b"ARROW1")):
        sql = f"SELECT id FROM posts FINAL FORMAT {form}"  # noqa: S608
        assert BytesIO(curl(*user, endpoint.url, "--data-binary", sql)).read(6).startswith(mark)

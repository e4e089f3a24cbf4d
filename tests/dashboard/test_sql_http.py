"""The protocol of the SQL endpoint: who may ask, codes and headers, limits, and its end."""

import base64
import threading
from collections.abc import Iterator

import httpx
import pytest

from dashboard.clickhouse_http import AT_ONCE, SqlParts, create_sql_app, sql_parts
from dashboard.server import PageServer
from dashboard.sql_request import BODY_BYTES
from runtime.clock import stopwatch
from storage.asking import Question
from storage.store import Store

TOKEN = "a-token-for-tests"
AUTH = ("anyone", TOKEN)
ENDLESS = "SELECT count(number) FROM numbers(1000000000000)"


@pytest.fixture
def http(store: Store) -> Iterator[httpx.Client]:
    server = PageServer(create_sql_app(sql_parts(store, TOKEN, "127.0.0.1")), "127.0.0.1", 0)
    server.start()
    url = f"http://127.0.0.1:{server.port}"
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        yield client
    server.close()


def ask(http: httpx.Client, sql: str, **settings: str) -> httpx.Response:
    return http.post("/", params=settings, content=sql.encode(), auth=AUTH)


def test_it_says_that_it_is_there(http: httpx.Client) -> None:
    assert http.get("/ping").text == "Ok.\n"
    assert http.get("/").text == "Ok.\n"
    assert http.get("/play").status_code == 404
    assert http.delete("/").status_code == 405


@pytest.mark.parametrize(
    "given",
    [
        {
            "headers": {
                "Authorization": "Basic " + base64.b64encode(b"a:" + TOKEN.encode()).decode()
            }
        },
        {"headers": {"Authorization": f"Bearer {TOKEN}"}},
        {"headers": {"X-ClickHouse-User": "a", "X-ClickHouse-Key": TOKEN}},
        {"params": {"user": "a", "password": TOKEN}},
    ],
)
def test_the_token_is_the_password_wherever_clients_put_it(
    http: httpx.Client, given: dict[str, dict[str, str]]
) -> None:
    assert http.post("/", content=b"SELECT 1", **given).text == "1\n"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-ClickHouse-Key": ""},
        {"X-ClickHouse-Key": "wrong"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(TOKEN.encode()).decode()},
    ],
)
def test_without_it_nothing_is_told(http: httpx.Client, headers: dict[str, str]) -> None:
    answer = http.post("/", content=b"SELECT 1", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["X-ClickHouse-Exception-Code"] == "516"
    assert answer.text.startswith("Code: 516. DB::Exception: Authentication failed")
    assert "WWW-Authenticate" not in answer.headers


def test_a_foreign_name_is_refused_on_loopback(http: httpx.Client) -> None:
    answer = http.post("/", content=b"SELECT 1", auth=AUTH, headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert "sql.host" in answer.text


def test_no_other_site_is_let_in(http: httpx.Client) -> None:
    answer = http.post("/", content=b"SELECT 1", auth=AUTH, headers={"Origin": "http://a.example"})
    assert [name for name in answer.headers if name.startswith("access-control")] == []
    assert "set-cookie" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_headers_of_an_answer(http: httpx.Client) -> None:
    answer = ask(http, "SELECT 1 AS a FORMAT CSVWithNames", query_id="mine")
    assert answer.text == '"a"\n1\n'
    assert answer.headers["X-ClickHouse-Query-Id"] == "mine"
    assert answer.headers["X-ClickHouse-Format"] == "CSVWithNames"
    assert answer.headers["X-ClickHouse-Server-Display-Name"] == "huisheng"
    assert answer.headers["X-ClickHouse-Timezone"]
    assert answer.headers["Content-Type"] == "text/csv; charset=UTF-8; header=present"
    assert '"result_bytes":"6"' in answer.headers["X-ClickHouse-Summary"]


def test_the_format_is_the_clauses_then_the_urls_then_the_headers(http: httpx.Client) -> None:
    header = {"X-ClickHouse-Format": "CSV"}
    for sql, settings, form in (
        ("SELECT 1 FORMAT JSON", {"default_format": "Values"}, "JSON"),
        ("SELECT 1", {"default_format": "values"}, "Values"),
        ("SELECT 1", {}, "CSV"),
    ):
        answer = http.post("/", params=settings, content=sql, auth=AUTH, headers=header)
        assert answer.headers["X-ClickHouse-Format"] == form
    unknown = ask(http, "SELECT 1 FORMAT DataFrame")
    assert (unknown.status_code, unknown.headers["X-ClickHouse-Exception-Code"]) == (404, "73")


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELECT 1 +", 400, 62),
        ("SELECT nosuch", 404, 47),
        ("SELECT * FROM nosuch", 404, 60),
        ("SELECT nosuch() FORMAT JSON", 404, 46),
        ("SELECT {x:UInt8}", 400, 456),
        ("SELECT throwIf(1)", 500, 395),
        ("SELECT file('/etc/hostname')", 403, 497),
        ("", 403, 497),
    ],
)
def test_errors_have_clickhouses_codes(
    http: httpx.Client, sql: str, status: int, code: int
) -> None:
    answer = ask(http, sql)
    assert answer.headers["X-ClickHouse-Exception-Code"] == str(code), answer.text
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert answer.status_code == status


def test_a_statement_takes_no_more_than_it_may(http: httpx.Client) -> None:
    late = ask(http, ENDLESS, max_execution_time="1")
    assert (late.status_code, late.headers["X-ClickHouse-Exception-Code"]) == (408, "159")
    rows = ask(http, "SELECT number FROM numbers(200000) FORMAT JSON")
    assert rows.headers["X-ClickHouse-Exception-Code"] == "396"
    cut = ask(http, "SELECT number FROM numbers(9) FORMAT JSONCompact", max_result_rows="5")
    assert cut.headers["X-ClickHouse-Exception-Code"] == "396"
    memory = ask(http, "SELECT groupArray(number) FROM numbers(1000000000)")
    assert memory.headers["X-ClickHouse-Exception-Code"] == "241"
    large = ask(http, "SELECT 1 -- " + "x" * BODY_BYTES)
    assert large.headers["X-ClickHouse-Exception-Code"] == "62"


def test_a_large_answer_comes_in_pieces(http: httpx.Client) -> None:
    """Four times the rows that an answer in one piece may have."""
    with http.stream(
        "POST", "/", content=b"SELECT number FROM numbers(400000) FORMAT JSONEachRow", auth=AUTH
    ) as answer:
        assert "content-length" not in answer.headers
        assert sum(1 for _ in answer.iter_lines()) == 400_000


def test_one_that_fails_between_pieces_is_cut_off(http: httpx.Client) -> None:
    pieces: list[bytes] = []
    sql = b"SELECT number FROM numbers(6000000)"
    with http.stream("POST", "/", content=sql, auth=AUTH) as answer:
        tag = answer.headers["X-ClickHouse-Exception-Tag"]
        with pytest.raises(httpx.RemoteProtocolError):
            pieces.extend(answer.iter_raw())
    end = b"".join(pieces)[-400:].decode()
    assert "Code: 396. DB::Exception: Limit for result exceeded" in end
    assert end.endswith(f" {tag}\r\n__exception__\r\n")


def test_who_leaves_early_leaves_no_rows_behind(http: httpx.Client) -> None:
    for _ in range(AT_ONCE * 2):
        with http.stream(
            "POST", "/", content=b"SELECT number FROM numbers(4000000)", auth=AUTH
        ) as answer:
            assert next(answer.iter_raw())
    assert ask(http, "SELECT 7").text == "7\n"


class Gate:
    """Questions that wait until they are let go."""

    def __init__(self) -> None:
        self.open, self.asked = threading.Event(), threading.Semaphore(0)

    def ask(self, _question: Question) -> Iterator[bytes]:
        self.asked.release()
        self.open.wait(30)
        yield b"1\n"


def test_one_more_than_may_be_asked_at_once_is_told_to_come_back() -> None:
    gate = Gate()
    parts = SqlParts(gate.ask, gate.open.set, TOKEN, "127.0.0.1", "UTC", {"tabseparated": "TSV"})
    server = PageServer(create_sql_app(parts), "127.0.0.1", 0)
    server.start()
    url = f"http://127.0.0.1:{server.port}/"

    def post() -> httpx.Response:
        return httpx.post(url, content=b"SELECT 1", auth=AUTH, trust_env=False, timeout=30)

    asking = [threading.Thread(target=post) for _ in range(AT_ONCE)]
    for thread in asking:
        thread.start()
    assert all(gate.asked.acquire(timeout=10) for _ in asking)
    refused = post()
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert f"{AT_ONCE} other questions are being answered" in refused.text
    gate.open.set()
    for thread in asking:
        thread.join(10)
    assert post().text == "1\n"
    server.close()


def test_a_stop_does_not_wait_for_a_long_statement(store: Store) -> None:
    server = PageServer(create_sql_app(sql_parts(store, TOKEN, "127.0.0.1")), "127.0.0.1", 0)
    server.start()
    answers: list[httpx.Response] = []

    def post() -> None:
        url = f"http://127.0.0.1:{server.port}/"
        answers.append(httpx.post(url, content=ENDLESS, auth=AUTH, trust_env=False, timeout=60))

    asking = threading.Thread(target=post)
    asking.start()
    running = "SELECT count() FROM system.processes WHERE query LIKE '%1000000000000)%'"
    while store.rows(f"{running} AND query NOT LIKE '%processes%'") != [(1,)]:
        pass
    began = stopwatch()
    server.close()
    asking.join(10)
    assert stopwatch() - began < 8
    assert store.rows("SELECT 7") == [(7,)]

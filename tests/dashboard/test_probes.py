"""SQL, status, health and metrics: what programs ask of the page."""

import json
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from dashboard.status import late_stages
from tests.dashboard.conftest import TOKEN, Served

AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


def ask(served: Served, sql: str, **more: object) -> httpx.Response:
    return served.http.post("/sql", json={"sql": sql, **more}, headers=AUTHORIZED)


@pytest.mark.parametrize(
    ("form", "media", "begins"),
    [
        ("CSVWithNames", "text/csv", '"source","n"\n"bbs",59\n'),
        ("TSVWithNames", "text/tab-separated-values", "source\tn\nbbs\t59\n"),
        ("JSONEachRow", "application/x-ndjson", '{"source":"bbs","n":59}'),
        ("JSON", "application/json", "{"),
        ("PrettyCompactNoEscapes", "text/plain", "   ┌─source─┬"),
    ],
)
def test_sql_answers_in_each_format(morning: Served, form: str, media: str, begins: str) -> None:
    sql = "SELECT source, toInt32(count()) AS n FROM posts FINAL GROUP BY source ORDER BY source;"
    answer = ask(morning, sql, format=form)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(media)
    assert answer.text.startswith(begins)


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        ("", "the statement is empty; write a SELECT"),
        ("DROP TABLE posts", "only SELECT"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("SELECT file('/etc/passwd')", "file() reaches outside"),
        ("SELECT 1 INTO OUTFILE 'x'", "OUTFILE is not allowed"),
        ("SELECT nothing FROM posts", "nothing"),
        ("SELECT * FROM no_such_table", "no_such_table"),
    ],
)
def test_sql_refusals_say_what_and_why(served: Served, sql: str, finding: str) -> None:
    answer = ask(served, sql)
    assert answer.status_code == 400
    assert finding in answer.text
    assert ask(served, "SELECT 1", format="TSVWithNames").text == "1\n1\n"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
@pytest.mark.parametrize(("method", "path"), [("POST", "/sql"), ("GET", "/status.json")])
def test_without_the_token_nothing_is_told(
    served: Served, headers: dict[str, str], method: str, path: str
) -> None:
    answer = served.http.request(method, path, headers=headers, content=b'{"sql":"SELECT 1"}')
    assert answer.status_code == 401
    assert "run file" in answer.text


@pytest.mark.parametrize(
    "body", [b"", b"SELECT 1", b"[]", b'{"sql":1}', b'{"sql":"SELECT 1","format":"Native"}']
)
def test_what_is_no_question_is_refused(served: Served, body: bytes) -> None:
    answer = served.http.post("/sql", content=body, headers=AUTHORIZED)
    assert answer.status_code == 400
    assert 'send {"sql"' in answer.text


def test_a_huge_question_is_refused(served: Served) -> None:
    answer = served.http.post("/sql", content=b" " * 1_000_001, headers=AUTHORIZED)
    assert answer.status_code == 413


def test_status_tells_stages_sources_and_matters(morning: Served) -> None:
    morning.act("food_safety-1", kind="acknowledge", operator="王敏")
    found = json.loads(morning.http.get("/status.json", headers=AUTHORIZED).text)
    assert [stage["stage"] for stage in found["stages"]] == [
        "alert",
        "analyze",
        "collect",
        "dashboard",
    ]
    outcomes = {source["id"]: source["outcome"] for source in found["sources"]}
    assert outcomes == {
        "bbs": "ok",
        "mama": "http_error",
        "weihua": "ok",
        "wanbao": "silent",
        "jiaoyu": "never",
    }
    assert found["matters"][0] == {
        "id": "food_safety-1",
        "tier": 4,
        "topic": "food_safety",
        "unit": "青禾实验小学",
        "opened_at": "2026-11-21T01:48:00Z",
        "report_by": "2026-11-21T02:48:00Z",
        "reported": False,
        "acknowledged": True,
    }
    assert 0 < found["coverage"] < 1


def test_healthz_names_the_stage_that_hangs(served: Served) -> None:
    assert served.http.get("/healthz").text == "ok\n"
    served.clock.advance(timedelta(seconds=56))
    served.parts.board.ok("alert", served.clock.now())
    served.parts.board.trouble("analyze", "bus: disk full")
    answer = served.http.get("/healthz")
    assert answer.status_code == 503
    assert "analyze: last ok 2026-11-21T02:29:55+00:00; bus: disk full" in answer.text
    assert "alert" not in answer.text


def test_a_stage_that_never_went_well_is_late_once_it_has_a_problem(served: Served) -> None:
    served.parts.board.restarted("notify")
    assert late_stages(served.parts) == []
    served.parts.board.trouble("notify", "no channel")
    assert late_stages(served.parts) == ["notify: last ok never; no channel"]


def test_a_faster_clock_allows_for_more_of_its_time(served: Served) -> None:
    served.clock.advance(timedelta(minutes=10))
    assert len(late_stages(served.parts)) == 4
    assert late_stages(replace(served.parts, stale_after=timedelta(hours=1))) == []


def test_metrics_are_told(served: Served) -> None:
    answer = served.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'huisheng_lag{stage="analyze"} 3.0' in answer.text


def test_the_token_is_not_printed(served: Served) -> None:
    assert TOKEN not in repr(served.parts)


def test_a_store_that_refuses_is_told_with_a_remedy(served: Served) -> None:
    served.parts.store.command("RENAME TABLE polls TO away")
    answer = served.http.get("/?lang=en")
    plain = served.http.get("/status.json", headers=AUTHORIZED)
    served.parts.store.command("RENAME TABLE away TO polls")
    assert answer.status_code == 500
    assert "huisheng migrate" in answer.text
    assert "polls" in answer.text
    assert plain.status_code == 500
    assert plain.headers["content-type"].startswith("text/plain")

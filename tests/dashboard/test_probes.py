"""SQL, status, health and metrics: what programs ask of the page."""

import json
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from dashboard.facts import PageParts, gather
from dashboard.pages import build
from dashboard.status import status
from dashboard.words import Words
from runtime.health import Lag, StageHealth
from runtime.metrics import Metrics
from runtime.probes import Answer, read_health
from storage.counts import set_mark
from storage.store import Store
from tests.dashboard import town
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
    assert [verdict["health"]["stage"] for verdict in found["stages"]] == [
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


def test_a_stage_that_hangs_is_named_and_one_that_waits_lives(served: Served) -> None:
    assert served.http.get("/healthz").text == "ok\n"
    assert served.http.get("/readyz").text == "ok\n"
    served.clock.advance(timedelta(seconds=56))
    served.parts.board.ok("alert", served.clock.now())
    served.parts.board.watch(
        "analyze",
        lambda: StageHealth("analyze", problem="bus: disk full", beat_at=served.clock.now()),
    )
    live, ready = served.http.get("/healthz"), served.http.get("/readyz")
    assert (live.status_code, ready.status_code) == (503, 503)
    assert "collect: hangs since 2026-11-21T02:29:55+00:00" in live.text
    assert "analyze" not in live.text
    assert "analyze: bus: disk full (last ok never)" in ready.text
    assert "alert" not in live.text + ready.text


def test_a_process_that_stops_is_live_and_not_ready(served: Served) -> None:
    served.parts.stopping.set()
    assert served.http.get("/healthz").status_code == 200
    answer = served.http.get("/readyz")
    assert (answer.status_code, answer.text[:23]) == (503, "the process is stopping")


def test_health_of_the_stages_is_told_to_other_processes(served: Served) -> None:
    told = read_health(served.http.get("/health.json").content)
    assert [stage.stage for stage in told] == ["alert", "analyze", "collect", "dashboard"]
    assert told[1].lags == (Lag("posts", 0, 3),)
    assert TOKEN not in served.http.get("/health.json").text


def test_a_faster_clock_allows_for_more_of_its_time(served: Served) -> None:
    served.clock.advance(timedelta(minutes=10))
    slow = replace(served.parts, stale_after=timedelta(hours=1))
    assert served.parts.probes.answer("/healthz") != slow.probes.answer("/healthz")
    assert slow.probes.answer("/healthz") == Answer(200, "text/plain; charset=utf-8", b"ok\n")


def test_metrics_are_told(served: Served) -> None:
    answer = served.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'huisheng_lag{partition="0",stage="analyze",stream="posts"} 3.0' in answer.text


def test_stages_of_other_processes_stand_on_the_page(store: Store) -> None:
    other = StageHealth("collect", problem="is away", instance="", beat_at=town.NOW)
    parts = PageParts(
        *(store, town.town_config(), town.clock(), town.board(), Metrics()),
        token="",
        peers=lambda: [other],
    )
    page = build(gather(parts), Words("en"))
    assert [line.name for line in page.stages] == [
        "assessing",
        "analysing",
        "collecting",
        "collecting",
        "page",
    ]
    assert [line.problem for line in page.stages] == ["", "", "", "is away", ""]
    assert page.stages[1].lags == ("posts 0:3",)


def test_a_wrong_statement_is_told_with_a_remedy(served: Served) -> None:
    answer = served.http.post("/sql", json={"sql": "SELECT nothing FROM posts"}, headers=AUTHORIZED)
    assert answer.status_code == 400
    assert answer.text.startswith("sql: ")
    assert answer.text.endswith("; mend the statement (tables: docs/columns.md)\n")


def test_a_stage_that_hangs_is_told_at_the_top_of_the_page(served: Served) -> None:
    assert 'id="stages-bad"' not in served.html()
    served.clock.advance(timedelta(minutes=10))
    text = served.html("/?lang=en")
    assert "A stage does not do its work: no warning is not calm. See Stages below." in text
    assert "see its log, and restart the process" in text


def test_no_stage_is_ahead_of_the_page(served: Served) -> None:
    def peers() -> list[StageHealth]:
        served.clock.advance(timedelta(minutes=5))
        at = served.clock.now()
        return [StageHealth("collect", at, instance="elsewhere", beat_at=at)]

    page = build(gather(replace(served.parts, peers=peers)), Words("en"))
    (found,) = (line for line in page.stages if line.instance == "elsewhere")
    assert "last ok just now" in found.detail


def test_status_names_what_waits_to_be_sent(morning: Served) -> None:
    for channel in ("wecom", "console"):
        set_mark(morning.parts.store, f"channel {channel}", town.NOW - timedelta(days=2))
    parts = replace(morning.parts, channels=("wecom", "console", "set_up_later"))
    told = status(parts)
    assert [(p.channel, p.event_id, p.tries) for p in told.pending] == [
        ("wecom", "transport-1.1", 0),
        ("console", "transport-1.1", 0),
        ("console", "fees-1.1", 0),
        ("wecom", "homework_tutoring-1.2", 0),
        ("console", "homework_tutoring-1.2", 0),
        ("wecom", "food_safety-1.1", 1),
    ]
    assert told.pending[-1].detail == "HTTP 502 from the receiver"
    assert (told.store.broken_parts, told.store.migration[:1]) == (0, "0")


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

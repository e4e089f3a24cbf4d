"""Operators' actions: what is taken and stored, what is refused and why, and from where."""

import re

import pytest

from dashboard.actions import ActionRefused, ActionRequest, Refusal, record
from dashboard.words import Words
from schemas.matters import Action, ActionKind
from storage.matters import actions_of, insert_action
from tests.dashboard import town
from tests.dashboard.conftest import Served

RED = "food_safety-1"


def written(served: Served, matter_id: str = RED) -> list[Action]:
    return actions_of(served.parts.store, [matter_id])


def test_a_form_is_stored_and_leads_back(morning: Served) -> None:
    answer = morning.act(RED, kind="reported", operator=" 王敏 ", note="区教育局值班室")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/?lang=zh&done=reported#{RED}"
    (action,) = written(morning)
    assert action.kind is ActionKind.REPORTED
    assert (action.operator, action.note, action.at) == ("王敏", "区教育局值班室", town.NOW)
    assert re.fullmatch(r"[0-9a-f]{32}", action.id)
    assert "已登记：已上报" in morning.html("/?lang=zh&done=reported")


def test_contact_numbers_in_a_note_are_masked(morning: Served) -> None:
    morning.act(RED, kind="acknowledge", operator="王敏", note="家长电话 13800138000")
    assert [action.note for action in written(morning)] == ["家长电话 [电话]"]


REFUSED = [
    (RED, {"kind": "delete", "operator": "王敏"}, "处置“delete”不存在"),
    (RED, {"operator": "王敏"}, "处置“”不存在"),
    (RED, {"kind": "acknowledge"}, "登记人要填 1 到 40 个字，现为 0 个"),
    (RED, {"kind": "acknowledge", "operator": "   "}, "现为 0 个"),
    (RED, {"kind": "acknowledge", "operator": "王" * 41}, "现为 41 个"),
    (RED, {"kind": "acknowledge", "operator": "王", "note": "长" * 501}, "最多 500 个字"),
    (RED, {"kind": "reported", "operator": "王敏"}, "已上报要写报给谁"),
    (RED, {"kind": "lower", "operator": "王敏", "note": " "}, "降级要写理由"),
    ("fees-1", {"kind": "lower", "operator": "王敏", "note": "核实"}, "级别由数量决定"),
    ("fees-1", {"kind": "confirm", "operator": "王敏"}, "不是仅据文字判定"),
    ("nothing-1", {"kind": "acknowledge", "operator": "王敏"}, "没有编号为 nothing-1"),
    ("homework_tutoring-1", {"kind": "acknowledge", "operator": "王敏"}, "没有编号为"),
]


@pytest.mark.parametrize(("matter_id", "form", "finding"), REFUSED)
def test_refusals_name_finding_and_remedy(
    morning: Served, matter_id: str, form: dict[str, str], finding: str
) -> None:
    answer = morning.act(matter_id, **form)
    assert answer.status_code == 400
    assert finding in answer.text
    assert "没有登记" in answer.text
    assert "食品安全" in answer.text
    assert written(morning, matter_id) == []


@pytest.mark.parametrize(("matter_id", "reason"), [(RED, "误报"), ("teacher_conduct-1", "已澄清")])
def test_a_latched_matter_can_be_lowered(morning: Served, matter_id: str, reason: str) -> None:
    assert morning.act(matter_id, kind="lower", operator="王敏", note=reason).status_code == 303
    html = morning.html().split(f'id="{matter_id}"')[1].split("</article>")[0]
    assert "已登记降级（王敏 · 11-21 10:30）" in html
    assert 'value="lower"' not in html


def test_a_form_from_elsewhere_is_refused(morning: Served) -> None:
    form = {"kind": "acknowledge", "operator": "王敏"}
    foreign = [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{morning.port + 1}"},
        {"Origin": morning.origin, "Sec-Fetch-Site": "cross-site"},
        {"Origin": morning.origin, "Sec-Fetch-Site": "same-site"},
    ]
    for headers in foreign:
        answer = morning.http.post(f"/matters/{RED}/actions", data=form, headers=headers)
        assert answer.status_code == 403, headers
        assert "不是从本页面发出" in answer.text
    assert written(morning) == []
    headers = {"Sec-Fetch-Site": "same-origin"}
    answer = morning.http.post(f"/matters/{RED}/actions", data=form, headers=headers)
    assert answer.status_code == 303


def test_a_huge_form_is_refused(morning: Served) -> None:
    answer = morning.act(RED, kind="acknowledge", operator="王敏", note="长" * 20_000)
    assert answer.status_code == 400
    assert "请求过大" in answer.text


def test_only_forms_that_are_posted_act(morning: Served) -> None:
    assert morning.http.get(f"/matters/{RED}/actions").status_code == 405


def test_record_serves_the_command_line_too(morning: Served) -> None:
    parts = morning.parts
    request = ActionRequest(RED, "confirm", "李蕾")
    action = record(parts.store, parts.clock, request)
    assert written(morning) == [action]
    with pytest.raises(ActionRefused, match="`lower` needs a reason; write it") as refused:
        record(parts.store, parts.clock, ActionRequest(RED, "lower", "李蕾"))
    assert refused.value.say(Words("zh")).startswith("降级要写理由")


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_is_worded(refusal: Refusal) -> None:
    refused = ActionRefused(refusal, 3)
    assert "{" not in refused.say(Words("zh"))
    assert refused.say(Words("en")) == str(refused)


def test_an_action_is_what_the_alerter_reads(morning: Served) -> None:
    """Two operators at once are two rows: nothing is overwritten."""
    for operator in ("王敏", "李蕾"):
        morning.act(RED, kind="acknowledge", operator=operator)
    morning.clock.advance(town.MINUTE)
    morning.act(RED, kind="acknowledge", operator="王敏")
    assert sorted(action.operator for action in written(morning)) == ["李蕾", "王敏", "王敏"]
    insert_action(morning.parts.store, written(morning)[0])
    assert len(written(morning)) == 3


def test_the_command_line_acts_with_the_token_of_the_process(morning: Served) -> None:
    body = {"matter_id": RED, "kind": "acknowledge", "operator": "王敏", "note": ""}
    token = {"Authorization": f"Bearer {morning.parts.token}"}
    assert morning.http.post("/act", json=body).status_code == 401
    assert morning.http.post("/act", json=body, headers=token).text == "ok\n"
    assert [action.operator for action in written(morning)] == ["王敏"]
    refused = morning.http.post("/act", json={**body, "kind": "reported"}, headers=token)
    assert (refused.status_code, refused.text[:5]) == (400, "act: ")
    assert morning.http.post("/act", content=b"{", headers=token).status_code == 400

"""What clients may set in the URL."""

import pytest

from dashboard.sql_settings import SettingRefused, settings_of
from storage.asking import LIMITS


def test_what_clients_send_on_their_own_is_no_setting() -> None:
    sent = {
        "client_protocol_version": "54405",
        "session_id": "a",
        "wait_end_of_query": "1",
        "readonly": "1",
        "param_x": "1",
        "query": "SELECT 1",
    }
    assert settings_of(sent, LIMITS) == {}


def test_limits_go_down_and_never_up() -> None:
    sent = {"max_execution_time": "2.5", "max_result_rows": "0", "max_memory_usage": "9" * 12}
    held = settings_of(sent, LIMITS)
    assert held == {
        "max_execution_time": "2.5",
        "max_result_rows": str(LIMITS["max_result_rows"]),
        "max_memory_usage": str(LIMITS["max_memory_usage"]),
    }
    with pytest.raises(SettingRefused, match="'much' is not a number"):
        settings_of({"max_result_rows": "much"}, LIMITS)


def test_how_the_answer_looks_may_be_set() -> None:
    sent = {"output_format_json_quote_64bit_integers": "0", "result_overflow_mode": "break"}
    assert settings_of(sent, LIMITS) == sent


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("readonly", "0"),
        ("allow_ddl", "1"),
        ("allow_introspection_functions", "1"),
        ("format_schema", "/etc/passwd"),
        ("format_template_row", "/etc/passwd"),
        ("max_query_size", "1"),
        ("http_response_headers", "{}"),
        ("decompress", "1"),
        ("output_format_a b", "1"),
        ("session_timezone", "x" * 101),
        ("nosuch", "1"),
    ],
)
def test_all_else_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingRefused, match="in readonly mode"):
        settings_of({name: value}, LIMITS)

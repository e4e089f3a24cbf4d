"""Hosts, origins and tokens that are let in, and the headers of every answer."""

import pytest
from starlette.datastructures import Headers

from dashboard.guard import has_token, host_is_allowed, is_loopback
from tests.dashboard.conftest import Served

LOOPBACK = "127.0.0.1"


@pytest.mark.parametrize(
    ("header", "bound", "allowed"),
    [
        ("127.0.0.1:8000", LOOPBACK, True),
        ("localhost", LOOPBACK, True),
        ("LOCALHOST:80", LOOPBACK, True),
        ("[::1]:8000", LOOPBACK, True),
        ("127.0.0.2:8000", "127.0.0.2", True),
        ("evil.example", LOOPBACK, False),
        ("127.0.0.1.evil.example:8000", LOOPBACK, False),
        ("localhost@evil.example", LOOPBACK, False),
        ("[", LOOPBACK, False),
        ("", LOOPBACK, False),
        ("evil.example", "localhost", False),
        ("monitor.office.example", "0.0.0.0", True),
        ("monitor.office.example", "::", True),
        ("monitor.office.example", "192.168.1.9", True),
    ],
)
def test_hosts(header: str, bound: str, allowed: bool) -> None:
    assert host_is_allowed(header, bound) is allowed


def test_loopback_addresses() -> None:
    assert [h for h in ("127.0.0.1", "127.9.9.9", "::1", "localhost") if not is_loopback(h)] == []
    assert [h for h in ("0.0.0.0", "10.0.0.1", "::", "host.example") if is_loopback(h)] == []


@pytest.mark.parametrize(
    ("given", "token", "taken"),
    [
        ("Bearer abc", "abc", True),
        ("bearer abc ", "abc", True),
        ("Bearer abd", "abc", False),
        ("Basic abc", "abc", False),
        ("Bearer ", "", False),
        ("", "", False),
        ("Bearer é", "abc", False),
    ],
)
def test_tokens(given: str, token: str, taken: bool) -> None:
    assert has_token(Headers({"authorization": given}), token) is taken


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/static/page.css", "/sql"])
def test_a_rebound_name_is_refused_everywhere(served: Served, path: str) -> None:
    answer = served.http.get(path, headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert "evil.example" in answer.text
    assert "page.host" in answer.text


@pytest.mark.parametrize("path", ["/?lang=zh", "/healthz", "/nothing", "/static/page.js"])
def test_every_answer_has_the_security_headers(served: Served, path: str) -> None:
    headers = served.http.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "server" not in headers

"""The server on its thread: quick to close, on a free or a given port, requests let through."""

import threading
from datetime import timedelta

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dashboard.server import PageServer
from runtime.clock import stopwatch


def app(entered: threading.Event, leave: threading.Event) -> Starlette:
    def slow(_request: Request) -> Response:
        entered.set()
        leave.wait(timedelta(seconds=20).total_seconds())
        return PlainTextResponse("late but whole")

    return Starlette(routes=[Route("/", lambda _: PlainTextResponse("here")), Route("/slow", slow)])


def test_it_answers_at_once_and_the_port_is_free_after() -> None:
    never = threading.Event()
    first = PageServer(app(never, never), "127.0.0.1", 0)
    first.start()
    assert httpx.get(f"http://127.0.0.1:{first.port}/", trust_env=False).text == "here"
    first.close()
    again = PageServer(app(never, never), "127.0.0.1", first.port)
    again.close()


def test_a_running_request_ends_before_the_server_does() -> None:
    entered, leave = threading.Event(), threading.Event()
    server = PageServer(app(entered, leave), "127.0.0.1", 0)
    server.start()
    answers: list[str] = []

    def get() -> None:
        url = f"http://127.0.0.1:{server.port}/slow"
        answers.append(httpx.get(url, trust_env=False, timeout=30).text)

    asking = threading.Thread(target=get)
    asking.start()
    assert entered.wait(10)
    threading.Timer(0.3, leave.set).start()
    began = stopwatch()
    server.close()
    asking.join()
    assert answers == ["late but whole"]
    assert stopwatch() - began < 5


def test_closing_one_that_never_started() -> None:
    never = threading.Event()
    PageServer(app(never, never), "localhost", 0).close()

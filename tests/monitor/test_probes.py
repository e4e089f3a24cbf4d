"""The port of a stage in server mode, and the other processes' view of it: over real sockets."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event

import httpx
import pytest

from monitor.peers import ask_stages
from monitor.probes import ProbeServer
from monitor.supervise import Stage, Supervisor
from runtime.clock import ManualClock, stopwatch
from runtime.config import HealthSettings
from runtime.errors import ConfigError
from runtime.health import HealthBoard, Lag, StageHealth
from runtime.metrics import Metrics
from runtime.probes import Probes
from tests.engines.process import free_port, wait_until
from tests.promtool import promtool

NOW = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)


def told(stage: str = "collect") -> Probes:
    """As another process has it: its stages bear another instance."""
    board = HealthBoard(ManualClock(NOW))
    lags = (Lag("posts", 2, 7),)
    board.watch(stage, lambda: StageHealth(stage, NOW, lags=lags, instance="elsewhere-1"))
    return Probes(board, Metrics(), ManualClock(NOW), Event())


@contextmanager
def serving(probes: Probes) -> Iterator[str]:
    server = ProbeServer(probes, HealthSettings())
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.close()


def ask(address: str, path: str) -> httpx.Response:
    with httpx.Client(base_url=address, trust_env=False) as http:
        return http.get(path)


def test_each_address_answers() -> None:
    with serving(told()) as address:
        assert ask(address, "/healthz").text == "ok\n"
        assert ask(address, "/readyz?verbose").text == "ok\n"
        assert ask(address, "/health.json").json()[0]["lags"][0]["messages"] == 7
        assert promtool("check", "metrics", text=ask(address, "/metrics").content) == ""
        missing = ask(address, "/")
        assert (missing.status_code, missing.text[:12]) == (404, "ask /healthz")
        with httpx.Client(base_url=address, trust_env=False) as http:
            assert http.head("/readyz").status_code == 200
            assert http.post("/readyz").status_code == 501


def test_on_loopback_it_answers_to_local_names_only() -> None:
    with serving(told()) as address, httpx.Client(base_url=address, trust_env=False) as http:
        for host, code in {"evil.example": 421, "": 421, "localhost:80": 200}.items():
            assert http.get("/health.json", headers={"Host": host}).status_code == code


def test_the_end_does_not_wait_for_one_who_asks_and_does_not_listen() -> None:
    with serving(told()) as address, socket.socket() as silent:
        silent.connect(("127.0.0.1", int(address.rpartition(":")[2])))
        begun = stopwatch()
        assert ask(address, "/healthz").status_code == 200
    assert stopwatch() - begun < 2


def test_a_port_that_is_taken_is_told_with_a_remedy() -> None:
    with serving(told()) as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(ConfigError, match=r"health\.port: 127\.0\.0\.1:\d+ can't be listened"):
            ProbeServer(told(), HealthSettings(port=port))


def test_a_loop_that_hangs_is_found_while_the_process_answers() -> None:
    clock, going, hang = ManualClock(NOW), Event(), Event()
    supervisor = Supervisor(HealthBoard(clock))

    def work(stop: Event) -> None:
        supervisor.board.ok("collect", clock.now())
        going.set()
        while not stop.is_set() and not hang.wait(0.01):
            supervisor.board.ok("collect", clock.now())
        hang.wait()
        stop.wait()

    probes = Probes(supervisor.board, Metrics(), clock, supervisor.stop)
    supervisor.start([Stage("collect", work)])
    with serving(probes) as address:
        assert going.wait(10)
        assert ask(address, "/healthz").status_code == 200
        hang.set()
        clock.advance(timedelta(seconds=200))
        wait_until(lambda: ask(address, "/healthz").status_code == 503, "told to hang", 10)
        assert ask(address, "/healthz").text.startswith("collect: hangs since 2026-11-21T02:30:00")
        supervisor.stop.set()
        assert "stopping" in ask(address, "/readyz").text
    assert supervisor.join()


def test_all_processes_are_asked_and_a_dead_one_is_seen() -> None:
    with serving(told()) as first, serving(told("alert")) as second:
        dead = f"http://127.0.0.1:{free_port()}"
        stages = ask_stages([first, dead, f"{second}/"])
    assert [each.stage for each in stages] == ["collect", dead.removeprefix("http://"), "alert"]
    assert stages[1].problem.startswith(f"{dead}: does not tell how it is (")
    assert stages[1].problem.endswith("start that process, or mend health.stages")


def test_those_that_hang_are_waited_for_at_the_same_time_and_not_for_long() -> None:
    with socket.socket() as first, socket.socket() as second:
        addresses = []
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
            each.listen()
            addresses.append(f"http://127.0.0.1:{each.getsockname()[1]}")
        begun = stopwatch()
        assert [bool(stage.problem) for stage in ask_stages(addresses)] == [True, True]
        assert stopwatch() - begun < 2.5


def test_an_address_of_something_else_is_told() -> None:
    with serving(told()) as address:
        (stage,) = ask_stages([f"{address}/elsewhere"])
    assert "Not Found" in stage.problem


def test_this_process_is_not_shown_twice() -> None:
    board = HealthBoard(ManualClock(NOW))
    board.ok("dashboard", NOW)
    with serving(Probes(board, Metrics(), ManualClock(NOW), Event())) as address:
        assert ask_stages([address]) == []
    assert ask_stages([]) == []

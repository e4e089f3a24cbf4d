"""The supervisor: restarts what fails, gives up where a restart would repeat the damage."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from bus.consume import DeadLetterFlood
from monitor.supervise import Stage, Supervisor
from runtime.errors import ConfigError
from runtime.health import HealthBoard, judge


def test_a_stage_that_fails_is_restarted_and_its_problem_goes() -> None:
    board, again = HealthBoard(), threading.Event()

    def work(stop: threading.Event) -> None:
        if not board.stages()[0].restarts:
            message = "broken once"
            raise RuntimeError(message)
        again.set()
        stop.wait()

    supervisor = Supervisor(board)
    supervisor.start([Stage("work", work)])
    assert again.wait(20)
    (health,) = board.stages()
    assert (health.restarts, health.problem) == (1, "")
    assert supervisor.join()


def test_a_flood_of_dead_letters_is_not_restarted_and_stays_to_be_seen() -> None:
    begun = threading.Event()

    def work(_: threading.Event) -> None:
        begun.set()
        message = "posts: 101 of the last 1000 messages are bad"
        raise DeadLetterFlood(message)

    supervisor = Supervisor(HealthBoard())
    supervisor.start([Stage("work", work)])
    assert begun.wait(20)
    assert supervisor.join()
    (health,) = supervisor.board.stages()
    assert (health.restarts, health.problem[:8]) == (0, "stopped:")
    later = datetime.now(UTC) + timedelta(hours=1)
    (verdict,) = judge([health], later, timedelta(seconds=120))
    assert verdict.live, "a restart would repeat the damage"
    assert "101 of the last 1000" in verdict.finding


def test_a_config_that_the_only_stage_cannot_use_ends_the_process() -> None:
    def work(_: threading.Event) -> None:
        message = "bus.brokers: is empty; name a broker"
        raise ConfigError(message)

    supervisor = Supervisor(HealthBoard(), alone=True)
    supervisor.start([Stage("work", work)])
    assert supervisor.stop.wait(20)
    with pytest.raises(ConfigError, match="name a broker"):
        supervisor.join()


def test_a_stage_is_missed_before_it_has_told_anything() -> None:
    def work(stop: threading.Event) -> None:
        stop.wait()

    supervisor = Supervisor(HealthBoard())
    supervisor.start([Stage("work", work)])
    (health,) = supervisor.board.stages()
    (verdict,) = judge([health], datetime.now(UTC), timedelta(seconds=120))
    assert verdict.finding.startswith("is starting")
    assert supervisor.join()

"""The supervisor: restarts what fails, gives up where a restart would repeat the damage."""

import threading

from bus.consume import DeadLetterFlood
from monitor.supervise import Stage, Supervisor
from runtime.health import HealthBoard


def test_a_stage_that_fails_is_restarted_and_its_problem_goes() -> None:
    board, again = HealthBoard(), threading.Event()

    def work(stop: threading.Event) -> None:
        if not board.stages():
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

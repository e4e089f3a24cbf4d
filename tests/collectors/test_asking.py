"""Several sites at once, with a stop and a pause in between."""

import threading

import pytest

from collectors.asking import AT_ONCE, Asking, Until
from runtime.clock import stopwatch

NEVER = Until(lambda: False, lambda: False)


def test_all_are_asked_and_each_answer_comes_once() -> None:
    asking = Asking(range(50), lambda number: -number, NEVER)
    assert sorted(asking.answers()) == list(range(-49, 1))
    assert list(asking.waiting) == []


def test_a_slow_one_does_not_hold_up_the_others() -> None:
    others_came = threading.Event()

    def ask(number: int) -> int:
        if number == 0:
            others_came.wait(30)
        return number

    came = []
    for answer in Asking(range(40), ask, NEVER).answers():
        came.append(answer)
        if len(came) == 39:
            others_came.set()
    assert came[-1] == 0


def test_when_it_is_enough_what_is_under_way_is_waited_for() -> None:
    asking = Asking(range(50), lambda number: number, Until(lambda: False, lambda: True))
    assert len(list(asking.answers())) == AT_ONCE
    assert len(asking.waiting) == 50 - AT_ONCE


def test_a_stop_does_not_wait_for_a_site() -> None:
    stop, site = threading.Event(), threading.Event()

    def ask(number: int) -> int:
        if number == 3:
            stop.set()
            site.wait(30)
        return number

    began = stopwatch()
    came = list(Asking(range(50), ask, Until(stop.is_set, lambda: False)).answers())
    assert stopwatch() - began < 6
    assert 3 not in came
    site.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_in_asking_is_not_taken_for_an_answer() -> None:
    def ask(number: int) -> int:
        return 1 // number

    with pytest.raises(RuntimeError, match="asking a site failed"):
        list(Asking([0], ask, NEVER).answers())
    for thread in threading.enumerate():
        if thread.name == "ask":
            thread.join(10)

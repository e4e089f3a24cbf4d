"""Asks several sites at once and hands each answer over as it comes. Called by the worker.

In threads that a stop does not wait for: a site may take as long as its timeout to answer.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from runtime.clock import stopwatch

AT_ONCE = 8
GRACE_SECONDS = 2.0
_LOOK_SECONDS = 0.25

T = TypeVar("T")
A = TypeVar("A")


@dataclass(frozen=True)
class Until:
    """`stopped`: what is under way gets a moment's grace; `enough`: it is waited for."""

    stopped: Callable[[], bool]
    enough: Callable[[], bool]


class Asking(Generic[T, A]):
    """`waiting`: what was not asked, once the answers have ended."""

    def __init__(self, items: Sequence[T], ask: Callable[[T], A], until: Until) -> None:
        self.waiting = deque(items)
        self._ask, self._until = ask, until
        self._under_way = 0
        self._came: SimpleQueue[A | None] = SimpleQueue()

    def answers(self) -> Iterator[A]:
        """At least one answer comes, unless it is stopped."""
        deadline = float("inf")
        self._fill()
        while self._under_way:
            if self._until.stopped():
                deadline = min(deadline, stopwatch() + GRACE_SECONDS)
            if stopwatch() > deadline:
                return
            try:
                answer = self._came.get(timeout=_LOOK_SECONDS)
            except Empty:
                continue
            self._under_way -= 1
            if answer is None:
                message = "asking a site failed; what went wrong was told by its thread"
                raise RuntimeError(message)
            yield answer
            if not self._until.enough():
                self._fill()

    def _fill(self) -> None:
        while self.waiting and self._under_way < AT_ONCE and not self._until.stopped():
            item = self.waiting.popleft()
            self._under_way += 1
            threading.Thread(target=self._one, args=(item,), name="ask", daemon=True).start()

    def _one(self, item: T) -> None:
        answer: A | None = None
        try:
            answer = self._ask(item)
        finally:
            self._came.put(answer)

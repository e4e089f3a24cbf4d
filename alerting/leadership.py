"""Which of several alerters is to lead; monitor wires what tells it."""

from typing import Protocol


class Leadership(Protocol):
    def holds(self) -> bool:
        """Whether this process is the one to lead, as far as is known; may wait a few seconds.

        A process that was paused may be told so too late: the store refuses what it writes then.
        Raises RetryLater while it can't be known.
        """
        ...


class Alone:
    """There is no other alerter: the process has its store for itself."""

    def holds(self) -> bool:
        return True

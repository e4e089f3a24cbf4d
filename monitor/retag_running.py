"""A retag inside the running process, which alone may open the embedded store: one at a time.

The page's server hands requests in and asks how far it has come; the work has a thread of its own.
"""

import threading

import msgspec

from monitor.retag_work import RetagDesk, retag, tagging
from monitor.wiring import House
from runtime.config import Config
from runtime.errors import ConfigError, RetryLater
from runtime.logs import logger
from runtime.settings import load_config
from storage.retagging import RetagReport, RetagRequest
from storage.store import Store, StoreError

END_SECONDS = 5.0


class RunningRetag:
    """Ends with the process at the next slice; what was done until then stays done."""

    def __init__(self, house: House, store: Store) -> None:
        self._house, self._store = house, store
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._report: RetagReport | None = None

    def start(self, request: RetagRequest) -> None:
        """Returns at once. Raises ConfigError while another one runs."""
        with self._lock:
            if self._thread and self._thread.is_alive():
                far = f"{self._report.posts} of {self._report.total} posts" if self._report else ""
                message = f"one is under way ({far}) and goes on by itself; wait until it is done"
                raise ConfigError(message)
            self._report = RetagReport(since=request.since)
            name = "retag"
            self._thread = threading.Thread(
                target=self._work, args=(request,), name=name, daemon=True
            )
            self._thread.start()

    def report(self) -> RetagReport | None:
        """Of the one under way, or of the last one."""
        return self._report

    def close(self) -> None:
        """Once the process is to stop; before its store is closed."""
        thread = self._thread
        if thread:
            thread.join(END_SECONDS)

    def _work(self, request: RetagRequest) -> None:
        log = logger("retag")
        problem = "stopped unexpectedly; see the terminal of the process"
        try:
            tag_many = tagging(_present(self._house.config))
            desk = RetagDesk(self._store, tag_many, self._house.clock)
            self._report = found = retag(desk, request, self._tell, self._house.stop)
            told = {"posts": found.posts, "written": found.written, "changed": found.changed}
            log.info("posts tagged again", state=found.state, dry_run=request.dry_run, **told)
            problem = ""
        except (ConfigError, RetryLater, StoreError) as error:
            problem = str(error)
            log.error("retag failed", problem=problem)
        finally:
            if problem and self._report:
                self._tell(msgspec.structs.replace(self._report, state="failed", problem=problem))

    def _tell(self, report: RetagReport) -> None:
        self._report = report


def _present(start: Config) -> Config:
    """The rules as the folder has them now, on the topics that this process knows."""
    found = load_config(start.directory)
    if [topic.key for topic in found.topics] != [topic.key for topic in start.topics]:
        message = f"{start.directory}: has other topics than the running process; restart it first"
        raise ConfigError(message)
    rules = {"topics": found.topics, "danger": found.danger, "owed": found.owed}
    return start.model_copy(update={**rules, "units": found.units})

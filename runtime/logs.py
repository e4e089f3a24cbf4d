"""Structured logs: one line per unit of work, on stderr, for people and for machines."""

import logging
import sys

import structlog

from runtime.clock import stopwatch
from runtime.health import INSTANCE

Logger = structlog.stdlib.BoundLogger

# What these say of an engine that is away reaches us as an exception, and is told once by a stage.
_QUIET = ("kafka", "clickhouse_connect", "urllib3", "httpx", "httpcore")


def set_up(*, json_lines: bool | None = None) -> None:
    """JSON when stderr is no terminal, unless told otherwise. Call once, at the start.

    A terminal gets warnings alone: its reader has the page, and the warnings of matters on stdout.
    """
    as_json = not sys.stderr.isatty() if json_lines is None else json_lines
    as_lines: list[structlog.typing.Processor] = [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(as_lines if as_json else [structlog.dev.ConsoleRenderer()]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.INFO if as_json else logging.WARNING
        ),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    logging.basicConfig(handlers=[_Others()], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def logger(stage: str) -> Logger:
    bound: Logger = structlog.get_logger(stage=stage, instance=INSTANCE)
    return bound


class Outage:
    """Tells an outage once, and its end with how long it was: no line for each try."""

    def __init__(self, lines: Logger) -> None:
        self._lines = lines
        self._since: float | None = None
        self._tries = 0

    def away(self, problem: str) -> None:
        self._tries += 1
        if self._since is None:
            self._since = stopwatch()
            self._lines.warning("waits", problem=problem)

    def back(self) -> None:
        if self._since is not None:
            seconds = round(stopwatch() - self._since, 1)
            self._lines.warning("goes on", waited_seconds=seconds, tries=self._tries)
        self._since, self._tries = None, 0


class _Others(logging.Handler):
    """Warnings of libraries, in the form of our own lines."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = logger("library")

    def emit(self, record: logging.LogRecord) -> None:
        told = {"library": record.name, "exc_info": record.exc_info}
        self._lines.log(record.levelno, record.getMessage(), **told)

"""Structured logs: one line per unit of work, on stderr, for people and for machines."""

import logging
import sys

import structlog

Logger = structlog.stdlib.BoundLogger


def set_up(*, json_lines: bool | None = None) -> None:
    """JSON when stderr is no terminal, unless told otherwise. Call once, at the start."""
    as_json = not sys.stderr.isatty() if json_lines is None else json_lines
    as_lines: list[structlog.typing.Processor] = [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(as_lines if as_json else [structlog.dev.ConsoleRenderer()]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def logger(stage: str) -> Logger:
    bound: Logger = structlog.get_logger(stage=stage)
    return bound

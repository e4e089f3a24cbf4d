"""The named failures. Anything else is a defect: it stops the worker and shows."""

from schemas.codec import BadMessage as BadMessage


class RetryLater(Exception):
    """An outside system is away for now; the same work is tried again after a pause."""


class ConfigError(Exception):
    """What the user wrote can't be used: one line of file, key, finding and remedy (exit 2)."""

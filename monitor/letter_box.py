"""Dead letters as the command line deals with them: found, published again, let go.

On the log itself, beside the running process or without one; called by monitor/letters.py.
"""

import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from bus.dead_letters import DeadLetter, OpenLetters, Outcome, as_text, closing_of
from bus.log import DEAD_LETTERS, STREAMS, Entry, Log
from monitor.processes import demo_config
from monitor.wiring import House, open_log
from runtime.clock import SHANGHAI, Clock, SystemClock
from runtime.config import Config
from runtime.errors import ConfigError
from runtime.health import HealthBoard
from runtime.metrics import Metrics
from runtime.settings import load_config

SHOWN_CHARACTERS = 80
AT_ONCE = 100


@dataclass(frozen=True)
class Done:
    """`cut`: letters of which only the beginning was kept; they stay open."""

    handled: int
    cut: tuple[str, ...] = ()


@contextmanager
def opened_log(directory: Path | None) -> Iterator[Log]:
    """The log of these settings; raises ConfigError where there is none yet."""
    house = House(
        _meant(load_config(directory)),
        SystemClock(),
        HealthBoard(),
        Metrics(),
        threading.Event(),
    )
    with closing(open_log(house)) as log:
        yield log


def open_letters(log: Log) -> OpenLetters:
    found = OpenLetters(log)
    found.refresh()
    return found


def chosen(
    found: OpenLetters, places: Sequence[str] | None, everything: bool
) -> Iterator[DeadLetter]:
    """Raises ConfigError when none are named, or one that is not open."""
    wanted = set(places or ())
    if everything == bool(wanted):
        message = "dead-letters: name the places that `list` shows, or give --all"
        raise ConfigError(message)
    unknown = wanted - {as_text(origin) for origin in found}
    if unknown:
        message = f"dead-letters: {min(unknown)} is not open; see `huisheng dead-letters list`"
        raise ConfigError(message)
    return (each for each in found.letters() if everything or as_text(each.origin) in wanted)


def listed(found: OpenLetters) -> Iterator[str]:
    """Two lines a letter, the newest last."""
    yield from (lines for _, lines in sorted((each.at, _lines(each)) for each in found.letters()))


def as_json(found: OpenLetters) -> Iterator[str]:
    """Whole letters, a line each, in the order of the log."""
    yield from (msgspec.json.encode(letter).decode() for letter in found.letters())


def replay_letters(log: Log, letters: Iterable[DeadLetter], clock: Clock) -> Done:
    """First the messages, then that it was done: a kill between publishes them twice, which is
    stored once.
    """
    cut: list[str] = []
    handled = 0
    rest = iter(letters)
    while several := list(islice(rest, AT_ONCE)):
        whole = [letter for letter in several if not letter.cut]
        cut += [as_text(letter.origin) for letter in several if letter.cut]
        for stream in dict.fromkeys(letter.stream for letter in whole):
            _check_stream(stream)
            again = [Entry(each.key, each.data) for each in whole if each.stream == stream]
            log.publish(stream, again)
        _close(log, whole, Outcome.REPLAYED, clock)
        handled += len(whole)
    return Done(handled, tuple(cut))


def drop_letters(log: Log, letters: Iterable[DeadLetter], clock: Clock) -> Done:
    handled = 0
    rest = iter(letters)
    while several := list(islice(rest, AT_ONCE)):
        _close(log, several, Outcome.DROPPED, clock)
        handled += len(several)
    return Done(handled)


def _close(log: Log, letters: Sequence[DeadLetter], outcome: Outcome, clock: Clock) -> None:
    at = clock.now()
    log.publish(DEAD_LETTERS, [closing_of(letter, outcome, at) for letter in letters])


def _check_stream(stream: str) -> None:
    if stream not in STREAMS or stream == DEAD_LETTERS:
        message = f"dead letter of stream {stream!r}: unknown here; update huisheng, or drop it"
        raise ConfigError(message)


def _lines(letter: DeadLetter) -> str:
    at = f"{letter.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
    return (
        f"{as_text(letter.origin)}  {at}  {_plain(letter.reason)}\n"
        f"    {_plain(letter.value)[:SHOWN_CHARACTERS]}"
    )


def _plain(text: str) -> str:
    """One line without control characters: foreign text must not steer the terminal."""
    return "".join(each if each.isprintable() else " " for each in text)


def _meant(config: Config) -> Config:
    """The user's own log, else the sample town's; raises ConfigError where there is none yet."""
    if config.settings.bus.kind != "sqlite":
        return config
    for each in (config, demo_config()):
        if (each.settings.data.dir / "log.sqlite").exists():
            if each is not config:
                sys.stderr.write(f"示例镇 / the sample town ({each.settings.data.dir})\n")
            return each
    message = f"{config.settings.data.dir}: holds no log yet; start one with `make run`"
    raise ConfigError(message)

"""The config folder watched: a changed file in, a new tagger or a told problem out. Worker calls.

Rules, units and the model are taken up as they change; what other stages read too, and which
topics there are, only by a restart.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analyzers.model_files import SETTINGS, folder_of
from analyzers.tag import load_tagger
from analyzers.versions import rules_version
from runtime.clock import Clock
from runtime.config import Config, Topic
from runtime.errors import ConfigError
from runtime.logs import logger
from runtime.metrics import Metrics
from runtime.settings import load_config
from schemas.corrections import TagChange
from storage.corrections import insert_tag_change, tag_changes
from storage.store import Store

LOOK_EVERY = timedelta(seconds=2)
RULES = ("units.toml", "danger.txt", "topics/*.txt", "owed/*.txt")
AT_START = ("huisheng.toml", "sources.toml", "alerts.toml", "calendar.toml")

EVER = datetime(1970, 1, 1, tzinfo=UTC)

# Of each file its path, times and size. The times of the entry tell a right that was given too.
Files = tuple[tuple[str, int, int, int], ...]


class RuleWatch:
    """`tagger` is the one to use now; `problem` and `notice` are for people, "" if there is none.

    A file that the folder lacks is the shipped one, and one that appears there is a change.
    """

    def __init__(self, config: Config, clock: Clock, metrics: Metrics) -> None:
        self._start, self._clock, self._metrics = config, clock, metrics
        self._lines = logger("analyze")
        self._contents = _contents(config.directory)
        self._model = _model_files(config)
        self.version = rules_version(config)
        self.tagger = load_tagger(config)
        self.problem = self.notice = ""
        self._looked: Files | None = None
        # Nothing: what changed between the reading of the folder and now is found at first sight.
        self._taken: Files | None = None
        self._next = clock.now()
        metrics.rules_loaded.set(clock.now().timestamp())

    def look(self) -> TagChange | None:
        """What changed, once `tagger` is another one; else None. Not more often than LOOK_EVERY."""
        now = self._clock.now()
        # Either way: a clock that was put back must not stop the looking.
        if self._next - LOOK_EVERY <= now < self._next:
            return None
        self._next = now + LOOK_EVERY
        found = _files(self._start.directory, (*RULES, *AT_START)) + _model_files(self._start)
        # Only what was left alone since the last look: an editor may still be writing.
        settled, self._looked = found == self._looked, found
        if not settled or found == self._taken:
            return None
        self._taken = found
        return self._take_up()

    def change(self) -> TagChange:
        """That from this minute on posts are tagged as they are now."""
        # Analyzers of one group take up the same files within a minute: one mark of them all.
        at = self._clock.now().replace(second=0, microsecond=0)
        return TagChange(
            at=at, since=at, rules_version=self.version, model_version=self.tagger.model_version
        )

    def _take_up(self) -> TagChange | None:
        try:
            return self._replaced(load_config(self._start.directory))
        except ConfigError as error:
            first, *more = str(error).splitlines()
            others = f" (and {len(more)} more)" if more else ""
            going_on = f"the rules of version {self.version} go on"
            self.problem = f"changed rules are not taken up, {going_on}: {first}{others}"
            self._metrics.rules_reload_failures.inc()
            self._lines.error("rules not taken up", version=self.version, problem=str(error))
            return None

    def _replaced(self, found: Config) -> TagChange | None:
        config = _with_rules_of(found, self._start)
        version, model = rules_version(config), _model_files(config)
        if (version, model) == (self.version, self._model):
            self._mended(found)
            return None
        self.tagger = load_tagger(config)
        old, self.version, self._model = self.version, version, model
        self._mended(found)
        now = self._clock.now()
        self._metrics.rules_loaded.set(now.timestamp())
        self._lines.warning("rules taken up", was=old, now=version)
        return self.change()

    def _mended(self, found: Config) -> None:
        self.problem, self.notice = "", self._waiting(found)

    def _waiting(self, found: Config) -> str:
        """What is there and taken up by a restart alone."""
        contents = _contents(self._start.directory)
        changed = [name for name in AT_START if contents.get(name) != self._contents.get(name)]
        changed += _changed_topics(self._start.topics, found.topics)
        return f"restart to take up what changed: {', '.join(changed)}" if changed else ""


def mark(store: Store, change: TagChange) -> None:
    """Written unless the last minute with a mark has the same; the first one begins the record."""
    told = tag_changes(store, EVER)
    last = {(each.rules_version, each.model_version) for each in told if each.at == told[-1].at}
    if (change.rules_version, change.model_version) not in last:
        insert_tag_change(store, change)


def _with_rules_of(found: Config, start: Config) -> Config:
    """Topics are those of the start, as alerting and the page know them; one that is gone stays."""
    fresh = {topic.key: topic for topic in found.topics}
    topics = tuple(fresh.get(topic.key, topic) for topic in start.topics)
    rules = {"danger": found.danger, "owed": found.owed, "units": found.units}
    return start.model_copy(update={"topics": topics, **rules})


def _changed_topics(start: Sequence[Topic], found: Sequence[Topic]) -> list[str]:
    old, new = ({topic.key: _seen_outside(topic) for topic in each} for each in (start, found))
    return [
        *(f"topic {key} (added)" for key in new if key not in old),
        *(f"topic {key} (removed)" for key in old if key not in new),
        *(f"topic {key} (its @ lines)" for key in new if key in old and new[key] != old[key]),
    ]


def _seen_outside(topic: Topic) -> tuple[str, str, bool]:
    return topic.name, topic.name_en, topic.forms_matter


def _contents(folder: Path) -> dict[str, bytes]:
    """Of what only a restart takes up: a file that was merely touched has not changed."""
    found = {}
    for name in AT_START:
        with suppress(OSError):
            found[name] = (folder / name).read_bytes()
    return found


def _model_files(config: Config) -> Files:
    """Of the user's own: what ships changes by a new version of the program alone."""
    name = config.settings.analyze.model
    folder = None if name in SETTINGS else folder_of(name)
    return _files(folder, ("*",)) if folder else ()


def _files(folder: Path, patterns: Iterable[str]) -> Files:
    found = []
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            # A file may go between the listing and the look.
            with suppress(OSError):
                stat = path.stat()
                found.append((str(path), stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size))
    return tuple(found)

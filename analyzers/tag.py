"""A post in, its tags out, by rules alone: pure, no clock, no disk. Called by the worker."""

from pathlib import Path

from analyzers.keywords import RuleBook, RuleMatch
from analyzers.reading import read
from analyzers.rule_syntax import parse_files, quoted_words
from analyzers.segment import Segmenter
from analyzers.sites import site_of
from analyzers.stories import story_of
from analyzers.unit_names import words_to_know
from analyzers.units import UnitFinder
from runtime.config import Config
from schemas.posts import Owed, Post, RawPost, SourceKind, TaggedPost, Tags, Why

NOT_EDUCATION = "not_education"
MOST_TOPICS = 3
# A topic whose score is a smaller share of the first one's is a passing word.
CENTRAL_SHARE = 0.5
MOST_WORDS = 8


class Tagger:
    def __init__(self, config: Config) -> None:
        rules = [config.danger, *config.owed, *(topic.rules for topic in config.topics)]
        files = parse_files(rules)
        words = [word for file in files for word in quoted_words(file)]
        self._segmenter = Segmenter(
            config.settings.analyze.engine, [*words_to_know(config.units), *words]
        )
        self._book = RuleBook(files)
        self._units = UnitFinder(config.units, config.sources, self._segmenter)
        self._topics = [topic.key for topic in config.topics]
        self._owed = [Owed(Path(file.path).stem) for file in config.owed]
        self._harm = {topic.key for topic in config.topics if topic.harm}

    def tag(self, post: Post) -> Tags:
        reading = read(post.title, post.body, self._segmenter)
        danger, *rest = self._book.match(reading)
        topics = self._central(rest[len(self._owed) :], danger is not None)
        owed = self._owing(rest[: len(self._owed)])
        units = self._units.find(reading, post.source)
        tagged = [*topics, *owed, *([("danger", danger)] if danger else [])]
        names = tuple(name for name, _ in topics)
        answer = Owed(owed[0][0]) if owed else _unsaid(post, danger is not None)
        return Tags(
            topics=names,
            units=units,
            owed=answer,
            danger=danger is not None,
            sensitivity=self._sensitivity(names, answer, danger is not None),
            department=None,
            story_id=story_of(post.title, post.body, f"{post.source}/{post.id}"),
            why=(
                *(Why(tag=tag, by="rule", words=match.words[:MOST_WORDS]) for tag, match in tagged),
                *((Why(tag="units", by="rule", words=units),) if units else ()),
            ),
        )

    def tagged(self, post: RawPost) -> TaggedPost:
        return TaggedPost(post=post, site=site_of(post.url, post.source), tags=self.tag(post))

    def _central(
        self, matches: list[RuleMatch | None], danger: bool
    ) -> list[tuple[str, RuleMatch]]:
        """Words of weight 0 count in danger alone, so that it does not go without a topic."""
        found = [
            (key, match)
            for key, match in zip(self._topics, matches, strict=True)
            if match and (match.score or danger)
        ]
        about = [(key, match) for key, match in found if key != NOT_EDUCATION]
        ranked = sorted(about, key=lambda each: (-each[1].score, each[0] not in self._harm))
        least = ranked[0][1].score * CENTRAL_SHARE if ranked else 0.0
        return [each for each in ranked if each[1].score >= least][:MOST_TOPICS] or found

    def _owing(self, matches: list[RuleMatch | None]) -> list[tuple[str, RuleMatch]]:
        """The heaviest kind alone; of equals the one that the configuration names first."""
        found = [
            (key.value, match) for key, match in zip(self._owed, matches, strict=True) if match
        ]
        return sorted(found, key=lambda each: -each[1].score)[:1]

    def _sensitivity(self, topics: tuple[str, ...], owed: Owed, danger: bool) -> int:
        if danger:
            return 3
        if owed is Owed.MENTION:
            return 0
        return 2 if self._harm & set(topics) else 1


def _unsaid(post: Post, danger: bool) -> Owed:
    """No rule says what is owed: who tells of danger wants help; an outlet or office reports."""
    reports = post.source_kind in (SourceKind.NEWS, SourceKind.NOTICE)
    return Owed.COMPLAINT if danger and not reports else Owed.MENTION

"""Posts in, their tags out: pure, no clock, no disk. Called by the worker and the command line."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from analyzers.classify import Model, Scores
from analyzers.decisions import (
    Decided,
    Found,
    ModelDecisions,
    RuleDecisions,
    weighed_posts,
)
from analyzers.features import extract
from analyzers.keywords import RuleBook, RuleMatch
from analyzers.model_files import ModelError, folder_of, load
from analyzers.new_rules import Files, Knowledge
from analyzers.pieces import DOUBTED, SURE, has_pieces, pieces, together
from analyzers.reading import Reading, read
from analyzers.rule_syntax import parse_files, quoted_words
from analyzers.segment import Segmenter
from analyzers.signals import SignalReader, rule_files
from analyzers.sites import site_of
from analyzers.stories import story_of
from analyzers.threads import continues, inherited
from analyzers.unit_names import words_to_know
from analyzers.units import UnitFinder
from analyzers.versions import rules_version
from runtime.config import Config
from schemas.posts import Owed, Post, RawPost, TaggedPost, Tags, Why

AT_ONCE = 64


class Tagger:
    """`model` None: the rules alone. `problem`: why a model that is set is not used, or "".
    `new_words`: of the rules, those that the model does not know, so that they decide."""

    def __init__(self, config: Config, model: Model | None = None, problem: str = "") -> None:
        named = rule_files(config)
        files: Files = parse_files(named.values())
        words = [word for file in files for word in quoted_words(file)]
        self.rules_version = rules_version(config)
        self.model_version = model.version if model else ""
        self.problem = problem
        self._segmenter = Segmenter(
            config.settings.analyze.engine, [*words_to_know(config.units), *words]
        )
        self.new_words: tuple[str, ...] = ()
        if model:
            known = Knowledge(model.rules, model.columns.classes)
            self.new_words = known.new_words(list(named), files)
            files = known.deciding(list(named), files)
        self._book = RuleBook(files)
        self._units = UnitFinder(config.units, config.sources, self._segmenter)
        self._topics = [topic.key for topic in config.topics]
        self._owed = [Path(file.path).stem for file in config.owed]
        self._harm = {topic.key for topic in config.topics if topic.harm}
        self._rules = RuleDecisions(self._harm)
        self._model = model
        if model:
            silent = {topic.key for topic in config.topics if not topic.forms_matter}
            self._weighing = ModelDecisions(model, self._rules, self._topics, silent)
            self._signals = SignalReader(list(named), model.signals)
            place = model.columns.slices.get("danger")
            self._danger_column = place.start if place else None

    def tag(self, post: Post) -> Tags:
        return self.tag_many([post])[0]

    def tag_many(self, posts: Sequence[Post]) -> list[Tags]:
        """The tags of each, the same whatever batch it is in."""
        starts = range(0, len(posts), AT_ONCE)
        return [tags for start in starts for tags in self._batch(posts[start : start + AT_ONCE])]

    def _batch(self, posts: Sequence[Post]) -> list[Tags]:
        readings = [read(post.title, post.body, self._segmenter) for post in posts]
        decided = self._decide(posts, readings)
        self._inherit(posts, decided)
        return [
            self._tags(post, reading, each)
            for post, reading, each in zip(posts, readings, decided, strict=True)
        ]

    def tagged(self, post: RawPost) -> TaggedPost:
        return self.tagged_many([post])[0]

    def tagged_many(self, posts: Sequence[RawPost]) -> list[TaggedPost]:
        return [
            TaggedPost(post=post, site=site_of(post.url, post.source), tags=tags)
            for post, tags in zip(posts, self.tag_many(posts), strict=True)
        ]

    def _decide(self, posts: Sequence[Post], readings: Sequence[Reading]) -> list[Decided]:
        matches = [self._book.match(reading) for reading in readings]
        found = [self._found(post, each) for post, each in zip(posts, matches, strict=True)]
        if self._model is None or not posts:
            return [self._rules.decide(each) for each in found]
        features = extract(readings)
        signals = self._signals.read(readings, matches)
        scores = self._model.score(features, signals, [each.is_long for each in found])
        self._look_closer(found, scores)
        weighed = weighed_posts(scores, features.words)
        return [self._weighing.decide(*each) for each in zip(found, weighed, strict=True)]

    def _look_closer(self, found: Sequence[Found], scores: Scores) -> None:
        """Of long texts that may tell of danger, and rules do not decide on, the probability by
        their pieces as well."""
        column = self._danger_column
        if column is None or self._model is None:
            return
        whole: list[float] = scores.probabilities[:, column].tolist()
        doubted = [
            (index, pieces(each.post.title, each.post.body))
            for index, each in enumerate(found)
            if DOUBTED <= whole[index] < SURE
            and has_pieces(each.post.title, each.post.body)
            and not self._rules.danger(each)
        ]
        texts = [text for _, of_post in doubted for text in of_post]
        if not texts:
            return
        readings = [read("", text, self._segmenter) for text in texts]
        matches = [self._book.match(reading) for reading in readings]
        signals = self._signals.read(readings, matches)
        short = [False] * len(texts)
        found_in = self._model.score(extract(readings), signals, short).probabilities
        told = iter(found_in[:, column].tolist())
        for index, of_post in doubted:
            worst = max(islice(told, len(of_post)), default=whole[index])
            scores.probabilities[index, column] = together(whole[index], worst)

    def _found(self, post: Post, matches: Sequence[RuleMatch | None]) -> Found:
        danger, *rest = matches
        owed, topics = rest[: len(self._owed)], rest[len(self._owed) :]
        return Found(
            post,
            {key: match for key, match in zip(self._topics, topics, strict=True) if match},
            {key: match for key, match in zip(self._owed, owed, strict=True) if match},
            danger,
        )

    def _inherit(self, posts: Sequence[Post], decided: list[Decided]) -> None:
        """Short replies without a topic of their own are read with their thread's title."""
        replies = [
            index for index, post in enumerate(posts) if continues(post, decided[index].topics)
        ]
        if not replies:
            return
        titles = [_opening(posts[index]) for index in replies]
        readings = [read(title.title, "", self._segmenter) for title in titles]
        for index, opening in zip(replies, self._decide(titles, readings), strict=True):
            decided[index] = inherited(posts[index], decided[index], opening)

    def _tags(self, post: Post, reading: Reading, decided: Decided) -> Tags:
        units = self._units.find(reading, post.source)
        why = [*decided.why, Why(tag="units", by="rule", words=units)] if units else decided.why
        return Tags(
            topics=decided.topics,
            units=units,
            owed=decided.owed,
            danger=decided.danger,
            sensitivity=self._sensitivity(decided),
            department=decided.department,
            story_id=story_of(post.title, post.body, f"{post.source}/{post.id}"),
            why=tuple(why),
            rules_version=self.rules_version,
            model_version=self.model_version,
        )

    def _sensitivity(self, decided: Decided) -> int:
        if decided.danger:
            return 3
        if decided.owed is Owed.MENTION:
            return 0
        return 1 if self._harm.isdisjoint(decided.topics) else 2


def load_tagger(config: Config) -> Tagger:
    """With the model that the settings name; where it can't be used, the rules go on alone."""
    folder = folder_of(config.settings.analyze.model)
    if folder is None:
        return Tagger(config)
    try:
        arrays, card = load(folder)
        return Tagger(config, Model.of(arrays, card.fields()))
    except ModelError as error:
        return Tagger(config, problem=f"the rules tag alone: {error}")


def _opening(post: Post) -> Post:
    return Post(
        id=post.id,
        source=post.source,
        source_kind=post.source_kind,
        url=post.url,
        title=post.thread_title or "",
        body="",
        published_at=None,
    )

"""What a reasonable person writes with jieba and scikit-learn: words looked for one after the
other, TF-IDF of words and characters, a LinearSVC a tag. Called by bench.tagging alone.
"""

from collections.abc import Sequence
from itertools import chain
from operator import itemgetter

import jieba
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.svm import LinearSVC

from analyzers.rule_syntax import parse_files
from analyzers.signals import rule_files
from runtime.config import Config
from schemas.posts import Post, Tags


class Plain:
    """Fitted on posts with the tags that they were given."""

    def __init__(self, config: Config, posts: Sequence[Post], tags: Sequence[Tags]) -> None:
        files = parse_files(rule_files(config).values())
        self._words = [
            sorted({term.text for group in file for term in group.terms() if not term.regex})
            for file in files
        ]
        names = chain.from_iterable([unit.name, *unit.aliases] for unit in config.units)
        self._units = list(names)
        self._by_word = TfidfVectorizer(analyzer=itemgetter(1))
        self._by_sign = TfidfVectorizer(
            analyzer="char", ngram_range=(2, 3), preprocessor=itemgetter(0)
        )
        jieba.setLogLevel("WARNING")
        texts = [_read(post) for post in posts]
        inputs = hstack([self._by_word.fit_transform(texts), self._by_sign.fit_transform(texts)])
        topics = MultiLabelBinarizer().fit_transform([each.topics for each in tags])
        self._topics = OneVsRestClassifier(LinearSVC()).fit(inputs, topics)
        self._single = [
            LinearSVC().fit(inputs, labels)
            for labels in (
                [each.owed.value for each in tags],
                [each.danger for each in tags],
                [each.department or "" for each in tags],
            )
            if len(set(labels)) > 1
        ]

    def tag_many(self, posts: Sequence[Post]) -> list[object]:
        texts = [_read(post) for post in posts]
        found = [
            [[word for word in words if word in text] for words in (*self._words, self._units)]
            for text, _ in texts
        ]
        inputs = hstack([self._by_word.transform(texts), self._by_sign.transform(texts)]).tocsr()
        return [
            found,
            self._topics.predict(inputs),
            *(each.predict(inputs) for each in self._single),
        ]


def _read(post: Post) -> tuple[str, list[str]]:
    text = f"{post.title}\n{post.body}"
    return text, jieba.lcut(text)

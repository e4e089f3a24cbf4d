"""Tags of 2,000 posts: rjieba against jieba 0.42.1, the engine whose dictionary it shares."""

from typing import Literal

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from analyzers.tag import Tagger
from bench.town_posts import town_posts
from demo.town import CONFIG
from runtime.settings import load_config


@pytest.mark.benchmark(group="tags of 2,000 posts")
@pytest.mark.parametrize("engine", ["rjieba", "jieba"])
def test_tagging(benchmark: BenchmarkFixture, engine: Literal["rjieba", "jieba"]) -> None:
    config = load_config(CONFIG)
    analyze = config.settings.analyze.model_copy(update={"engine": engine})
    settings = config.settings.model_copy(update={"analyze": analyze})
    tagger = Tagger(config.model_copy(update={"settings": settings}))
    posts = town_posts(2_000)
    tags = benchmark.pedantic(lambda: [tagger.tag(post) for post in posts], rounds=3)
    assert len(tags) == 2_000

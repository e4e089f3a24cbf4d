"""Every label of the page in both languages, from words.toml: a key and values in, a text out."""

import tomllib
from importlib.resources import files
from typing import Literal

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, Language] = ("zh", "en")

CATALOGUE: dict[str, list[str]] = tomllib.loads(
    files("dashboard").joinpath("words.toml").read_text("utf-8")
)


class Words:
    """The catalogue in one language."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._column = LANGUAGES.index(language)

    def __call__(self, key: str, **values: object) -> str:
        """Raises KeyError for a key that is not in the catalogue: a defect."""
        return CATALOGUE[key][self._column].format(**values)


def other(words: Words) -> Words:
    """The catalogue in the other language."""
    return Words(LANGUAGES[words.language == "zh"])


def choose_language(asked: str | None, accepted: str) -> Language:
    """`?lang=` decides, then the first of ours in Accept-Language, then Chinese."""
    wanted = [asked or "", *(part.split(";")[0].strip().lower() for part in accepted.split(","))]
    for tag in wanted:
        for language in LANGUAGES:
            if tag.split("-")[0] == language:
                return language
    return "zh"

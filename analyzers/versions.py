"""The version of the rules: short, and another one as soon as a rule, unit or area is."""

import hashlib

from analyzers.keywords import BODY_READ
from analyzers.rule_patterns import TEXT_LENGTH
from runtime.config import Config

LENGTH = 10


def rules_version(config: Config) -> str:
    """Hex digits over topics, danger, owed, units, the sources' areas, the engine, and how much of
    a post the rules read."""
    digest = hashlib.blake2b(digest_size=LENGTH // 2)
    files = [*((topic.key, topic.rules) for topic in config.topics)]
    files += [("danger", config.danger), *((file.path, file) for file in config.owed)]
    for name, file in files:
        # Where the folder lies says nothing of its rules.
        digest.update(f"\0{name.rsplit('/', 1)[-1]}\n".encode())
        for line in file.lines:
            digest.update(f"{line.text}\n".encode())
    for topic in config.topics:
        digest.update(f"\0{topic.key} {topic.harm}".encode())
    for unit in config.units:
        digest.update(f"\0{unit.model_dump_json()}".encode())
    for source in config.sources:
        digest.update(f"\0{source.id} {source.area}".encode())
    digest.update(f"\0{config.settings.analyze.engine} {BODY_READ} {TEXT_LENGTH}".encode())
    return digest.hexdigest()

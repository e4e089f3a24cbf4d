"""A member of a group as a process of its own, for tests that pause and kill it.

Arguments: broker, prefix. It says what it holds, and does what each line of its input says.
"""

import sys

from bus.kafka_log import KafkaLog, KafkaSettings
from bus.log import POSTS, SOURCES, Entry
from runtime.errors import RetryLater


def main() -> None:
    broker, prefix = sys.argv[1:]
    settings = KafkaSettings((broker,), prefix, 2, session_seconds=2, timeout_seconds=5)
    share = KafkaLog(settings).share("g", SOURCES)
    for line in sys.stdin:
        word, _, value = line.strip().partition(" ")
        try:
            if word == "mine":
                say(*sorted(share.mine(1)))
            if word == "publish":
                entry = Entry("k", value.encode())
                share.publish(0, [entry], {POSTS: [entry]})
                say("published")
        except RetryLater as error:
            say(type(error).__name__)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

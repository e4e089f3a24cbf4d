"""An operator's correction for a stored post, as `huisheng correct` gives it.

Written by the running process if there is one on the folder, else here.
"""

import msgspec

from monitor.asking import ask_running, config_of, opened_store, place_of
from runtime.clock import SystemClock
from runtime.config import Config
from runtime.errors import ConfigError
from storage.correcting import CorrectionRefused, CorrectionRequest, write_correction


def correct_post(config: Config, request: CorrectionRequest) -> None:
    """Raises ConfigError with what is wrong with it."""
    folder, run = place_of(config)
    if run:
        ask_running(run, "/correct", msgspec.json.encode(request))
        return
    topics = [topic.key for topic in config_of(config, folder).topics]
    try:
        with opened_store(config, folder) as store:
            write_correction(store, request, SystemClock(), topics)
    except CorrectionRefused as error:
        message = f"correct: {error}"
        raise ConfigError(message) from error

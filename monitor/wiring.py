"""From settings to the parts that stages are made of: log, store, and each worker with its own."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from alerting.notifiers import build
from alerting.outbox import Outbox
from alerting.worker import Alerter, AlerterParts
from analyzers.worker import Analyzer, AnalyzerParts
from bus.kafka_log import KafkaLog, KafkaSettings
from bus.log import Log
from bus.sqlite_log import SqliteLog
from collectors.fetch import HttpFetcher
from collectors.robots import PoliteFetcher
from collectors.state import State
from collectors.worker import Collector, Parts
from dashboard.app import create_app
from dashboard.facts import PageParts
from dashboard.server import PageServer
from monitor.supervise import Stage
from runtime.clock import Clock
from runtime.config import Config, Settings
from runtime.errors import ConfigError, RetryLater
from runtime.health import HealthBoard
from runtime.logs import logger
from runtime.metrics import Metrics
from schemas.windows import WindowRules
from storage.migrate import migrate
from storage.store import Store
from storage.windows import SqlWindows

T = TypeVar("T")
WAIT_SECONDS = 2.0
BEAT_SECONDS = 15.0
TRIM_PAUSE = timedelta(hours=1)


@dataclass(frozen=True)
class House:
    """What the stages of one process share. `pace`: clock seconds in a real one."""

    config: Config
    clock: Clock
    board: HealthBoard
    metrics: Metrics
    stop: threading.Event
    pace: float = 1.0
    demo: bool = False

    @property
    def settings(self) -> Settings:
        return self.config.settings


def open_log(house: House) -> Log:
    bus = house.settings.bus
    if bus.kind == "sqlite":
        folder = _folder(house.settings)
        return SqliteLog(folder / "log.sqlite", bus.partitions, house.clock)
    if not bus.brokers:
        message = 'huisheng.toml: bus.brokers: is empty; name a broker, as in ["kafka:9092"]'
        raise ConfigError(message)
    return KafkaLog(KafkaSettings(bus.brokers, bus.prefix, bus.partitions))


def open_store(settings: Settings) -> Store:
    """The store with its tables up to date."""
    if settings.store_dsn.startswith("chdb:"):
        _folder(settings)
    store = Store(settings.store_dsn)
    with ExitStack() as stack:
        stack.callback(store.close)
        migrate(store)
        stack.pop_all()
    return store


def wait_for(make: Callable[[], T], house: House, stage: str) -> T | None:
    """`make()` as soon as what it needs answers; None if the process is stopped first."""
    while not house.stop.is_set():
        try:
            made = make()
        except RetryLater as error:
            house.board.trouble(stage, str(error))
            logger(stage).warning("waits", problem=str(error))
        else:
            house.board.trouble(stage, "")
            return made
        house.clock.wait(house.stop, WAIT_SECONDS * house.pace)
    return None


def collect_stage(house: House, log: Log) -> Stage:
    def work(stop: threading.Event) -> None:
        state = State(_folder(house.settings) / "collector.sqlite")
        fetcher = HttpFetcher(house.settings.fetch, house.clock)
        agent = house.settings.fetch.user_agent.partition("/")[0]
        try:
            collector = Collector(
                Parts(
                    settings=house.settings,
                    sources=house.config.sources,
                    log=log,
                    clock=house.clock,
                    state=state,
                    fetcher=PoliteFetcher(fetcher, agent, house.clock),
                )
            )
            house.board.watch("collect", collector.stage_health)
            collector.run(stop)
        finally:
            fetcher.close()
            state.close()

    return Stage("collect", work)


def analyze_stage(house: House, log: Log, store: Store) -> Stage:
    def work(stop: threading.Event) -> None:
        parts = AnalyzerParts(house.config, log, store, house.clock, house.board, house.metrics)
        Analyzer(parts).run(stop)

    return Stage("analyze", work)


def alert_stage(house: House, store: Store) -> Stage:
    def work(stop: threading.Event) -> None:
        config = house.config
        silent = [topic.key for topic in config.topics if not topic.forms_matter]
        names = {topic.key: topic.name for topic in config.topics}
        parts = AlerterParts(
            config=config,
            store=store,
            windows=SqlWindows(store, WindowRules(config.alerts.opening.concerns, silent)),
            outbox=Outbox(store, build(config.settings.notify), names, house.clock),
            clock=house.clock,
            board=house.board,
            metrics=house.metrics,
        )
        # A tick a minute is due; a fast clock is looked at twice a real second.
        Alerter(parts).run(stop, max(15.0, 0.5 * house.pace))

    return Stage("alert", work)


def keep_house_stage(house: House, log: Log) -> Stage:
    """Drops what the log no longer needs: handled and past the retention."""

    def work(stop: threading.Event) -> None:
        days = timedelta(days=house.settings.data.retention_days)
        next_trim = house.clock.now()
        while not stop.is_set():
            now = house.clock.now()
            try:
                if now >= next_trim:
                    log.trim(now - days)
                    next_trim = now + TRIM_PAUSE
                house.board.ok("keep_house", now)
            except RetryLater as error:
                house.board.trouble("keep_house", str(error))
            house.clock.wait(stop, BEAT_SECONDS * house.pace)

    return Stage("keep_house", work)


def open_page(house: House, store: Store, token: str) -> PageServer:
    """Takes the port at once; raises ConfigError when it is taken."""
    page = house.settings.page
    parts = PageParts(
        store=store,
        config=house.config,
        clock=house.clock,
        board=house.board,
        metrics=house.metrics,
        token=token,
        demo=house.demo,
        stale_after=timedelta(seconds=120 * house.pace),
    )
    return PageServer(create_app(parts), page.host, page.port)


def _folder(settings: Settings) -> Path:
    settings.data.dir.mkdir(parents=True, exist_ok=True)
    return settings.data.dir

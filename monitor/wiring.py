"""From settings to the parts that stages are made of: log, store, and each worker with its own."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from alerting.leadership import Alone, Leadership
from alerting.notifiers import build
from alerting.outbox import Outbox
from alerting.worker import Alerter, AlerterParts
from analyzers.worker import Analyzer, AnalyzerParts
from bus.kafka_log import KafkaLog, KafkaSettings
from bus.log import LEADER, SOURCES, Log, Share
from bus.sqlite_log import SqliteLog
from collectors.fetch import HttpFetcher
from collectors.holdings import AllMine, Dealt, Holdings
from collectors.robots import PoliteFetcher
from collectors.state import State
from collectors.worker import Collector, Parts
from dashboard.app import create_app
from dashboard.facts import PageParts, Retagging
from dashboard.server import PageServer
from monitor.peers import ask_stages
from monitor.supervise import Stage
from runtime.clock import Clock
from runtime.config import Config, Settings
from runtime.errors import ConfigError, RetryLater
from runtime.health import STALE_SECONDS, HealthBoard
from runtime.logs import Outage, logger
from runtime.metrics import Metrics
from runtime.settings import secret
from schemas.windows import WindowRules
from storage.condition import StoreCondition, condition
from storage.migrate import migrate
from storage.parts import broken_parts
from storage.store import Store
from storage.windows import SqlWindows

T = TypeVar("T")
WAIT_SECONDS = 2.0
BEAT_SECONDS = 15.0
LEAD_WAIT_SECONDS = 2.0
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
    return KafkaLog(KafkaSettings.of(bus, house.settings.data.retention_days))


def connect_store(settings: Settings) -> Store:
    """The store as it is, whatever its version."""
    if settings.store_dsn.startswith("chdb:"):
        _folder(settings)
    chosen = settings.store
    password = secret("store.password", chosen.password, chosen.password_file)
    return Store(settings.store_dsn, chosen.user, password, chosen.cluster)


def open_store(settings: Settings) -> Store:
    """The store with its tables up to date; parts that the engine set aside are told."""
    store = connect_store(settings)
    with ExitStack() as stack:
        stack.callback(store.close)
        migrate(store)
        for part in broken_parts(store):
            logger("store").error("rows are missing", problem=str(part))
        stack.pop_all()
    return store


def wait_for(make: Callable[[], T], house: House, stage: str) -> T | None:
    """`make()` as soon as what it needs answers; None if the process is stopped first."""
    outage = Outage(logger(stage))
    while not house.stop.is_set():
        try:
            made = make()
        except RetryLater as error:
            house.board.trouble(stage, str(error))
            outage.away(str(error))
        else:
            house.board.trouble(stage, "")
            outage.back()
            return made
        house.clock.wait(house.stop, WAIT_SECONDS * house.pace)
    return None


def collect_stage(house: House, log: Log) -> Stage:
    def work(stop: threading.Event) -> None:
        holdings = _holdings(house, log)
        fetcher = HttpFetcher(house.settings.fetch, house.clock)
        agent = house.settings.fetch.user_agent.partition("/")[0]
        try:
            collector = Collector(
                Parts(
                    settings=house.settings,
                    holdings=holdings,
                    clock=house.clock,
                    fetcher=PoliteFetcher(fetcher, agent, house.clock),
                )
            )
            house.board.watch("collect", collector.stage_health)
            collector.run(stop)
        finally:
            holdings.close()
            fetcher.close()

    return Stage("collect", work)


def _holdings(house: House, log: Log) -> Holdings:
    sources = house.config.sources
    if house.settings.bus.kind == "sqlite":
        return AllMine(sources, log, State(_folder(house.settings) / "collector.sqlite"))
    return Dealt(sources, log.share("collectors", SOURCES), State(None))


def analyze_stage(house: House, log: Log, store: Store) -> Stage:
    def work(stop: threading.Event) -> None:
        parts = AnalyzerParts(house.config, log, store, house.clock, house.board, house.metrics)
        Analyzer(parts).run(stop)

    return Stage("analyze", work)


@dataclass(frozen=True)
class Seat:
    """The lead among the alerters goes with the one partition of a stream."""

    share: Share

    def holds(self) -> bool:
        return bool(self.share.mine(LEAD_WAIT_SECONDS))


def alert_stage(house: House, log: Log, store: Store) -> Stage:
    def work(stop: threading.Event) -> None:
        if house.settings.bus.kind == "sqlite":
            alert(stop, Alone())
            return
        share = log.share("alerters", LEADER)
        try:
            alert(stop, Seat(share))
        finally:
            share.close()

    def alert(stop: threading.Event, leadership: Leadership) -> None:
        config = house.config
        silent = [topic.key for topic in config.topics if not topic.forms_matter]
        names = {topic.key: topic.name for topic in config.topics}
        parts = AlerterParts(
            config=config,
            store=store,
            leadership=leadership,
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
        last: datetime | None = None
        outage = Outage(logger("keep_house"))
        while not stop.is_set():
            now = house.clock.now()
            try:
                # A clock that was put back must not put the next trim off.
                if last is None or not timedelta(0) <= now - last < TRIM_PAUSE:
                    log.trim(now - days)
                    last = now
                house.board.ok("keep_house", now)
                outage.back()
            except RetryLater as error:
                house.board.trouble("keep_house", str(error))
                outage.away(str(error))
            house.clock.wait(stop, BEAT_SECONDS * house.pace)

    return Stage("keep_house", work)


def open_page(
    house: House, store: Store, token: str, retagging: Retagging | None = None
) -> PageServer:
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
        stale_after=timedelta(seconds=STALE_SECONDS * house.pace),
        stopping=house.stop,
        peers=lambda: ask_stages(house.settings.health.stages),
        channels=channel_names(house.settings),
        retagging=retagging,
    )
    return PageServer(create_app(parts), page.host, page.port)


def channel_names(settings: Settings) -> tuple[str, ...]:
    return tuple(notifier.name for notifier in build(settings.notify))


def look_at_store(house: House, store: Store, before: StoreCondition | None) -> StoreCondition:
    """Broken parts are told when there are more of them than `before`."""
    found = condition(store)
    house.metrics.broken_parts.set(found.broken_parts)
    if found.broken_parts > (before.broken_parts if before else 0):
        remedy = "their rows are missing: see docs/operations.md, Broken parts"
        logger("store").error("broken parts", tables=found.broken, remedy=remedy)
    return found


def _folder(settings: Settings) -> Path:
    settings.data.dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return settings.data.dir

"""Whole processes: all stages on one folder, the sample town, or one stage of server mode."""

import secrets
import shutil
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from demo.origin import SPEED, is_over, town_clock
from demo.server import TownServer
from demo.town import CONFIG as TOWN_CONFIG
from demo.town import load_town
from monitor.probes import ProbeServer
from monitor.retag_running import RunningRetag
from monitor.runfile import DataFolder, url_of
from monitor.sql_endpoint import SqlEndpoint, open_sql
from monitor.supervise import Stage, Supervisor
from monitor.wiring import (
    House,
    alert_stage,
    analyze_stage,
    collect_stage,
    keep_house_stage,
    look_at_store,
    open_log,
    open_page,
    open_store,
    wait_for,
)
from runtime.clock import Clock, SystemClock
from runtime.config import Config
from runtime.errors import ConfigError, RetryLater
from runtime.health import HealthBoard
from runtime.logs import Outage, logger
from runtime.metrics import Metrics
from runtime.probes import Probes
from runtime.settings import load_config
from storage.store import Store


def run_all(config: Config) -> None:
    """All stages in one process until a signal."""
    _run(config, SystemClock(), pace=1.0, demo=False)


def run_demo(speed: float | None) -> None:
    """The sample town, in a folder of its own beside the user's data."""
    config = demo_config()
    folder = DataFolder(config.settings.data.dir)
    with ExitStack() as stack:
        stack.callback(folder.close)
        clock, start = town_clock(folder.folder, speed or SPEED)
        if is_over(clock.now(), start):
            Console().print("示例镇的故事已讲完，重新开始 / the story is over: starting again")
            _empty(folder.folder)
            clock, start = town_clock(folder.folder, speed or SPEED)
        town = TownServer(load_town(), clock, start, _kept_port(folder.folder))
        (folder.folder / "port").write_text(str(town.port), "ascii")
        stack.callback(town.close)
        _run_in(folder, _at_port(config, town.port), clock, clock.speed)


def run_stage(name: str, config: Config, clock: Clock) -> None:
    """One stage of server mode until a signal; refuses embedded settings."""
    settings = config.settings
    if settings.bus.kind != "kafka" or not settings.store_dsn.startswith("http"):
        message = (
            f"huisheng {name}: needs server settings, but bus.kind or store.dsn is embedded; set "
            'bus.kind = "kafka" and store.dsn = "http://…", or use `huisheng run`'
        )
        raise ConfigError(message)
    supervisor = Supervisor(HealthBoard(clock), alone=True)
    metrics = Metrics(settings.data.dir)
    house = House(config, clock, supervisor.board, metrics, supervisor.stop)
    supervisor.catch_signals()
    probes = ProbeServer(Probes(house.board, metrics, clock, house.stop), settings.health)
    supervisor.start([Stage(name, lambda _: _work(name, house))])
    probes.start()
    logger(name).info("tells its health", host=settings.health.host, port=probes.port)
    supervisor.wait()
    if not supervisor.join():
        supervisor.leave()
    probes.close()


def demo_config() -> Config:
    config = load_config(TOWN_CONFIG)
    data = config.settings.data
    folder = data.model_copy(update={"dir": data.dir / "demo"})
    settings = config.settings.model_copy(update={"data": folder})
    return config.model_copy(update={"settings": settings})


def _run(config: Config, clock: Clock, pace: float, *, demo: bool) -> None:
    folder = DataFolder(config.settings.data.dir)
    with ExitStack() as stack:
        stack.callback(folder.close)
        _run_in(folder, config, clock, pace, demo=demo)


def _run_in(
    folder: DataFolder, config: Config, clock: Clock, pace: float, *, demo: bool = True
) -> None:
    supervisor = Supervisor(HealthBoard(clock))
    metrics = Metrics(config.settings.data.dir)
    house = House(config, clock, supervisor.board, metrics, supervisor.stop, pace, demo)
    token = secrets.token_urlsafe(24)
    supervisor.catch_signals()
    with ExitStack() as stack:
        log = wait_for(lambda: open_log(house), house, "collect")
        store = wait_for(lambda: open_store(house.settings), house, "analyze")
        if log is None or store is None:
            return
        stack.callback(store.close)
        stack.callback(log.close)
        look_at_store(house, store, None)
        retagging = RunningRetag(house, store)
        stack.callback(retagging.close)
        page = open_page(house, store, token, retagging)
        page.start()
        stack.callback(page.close)
        sql = open_sql(house.settings.sql, store)
        if sql:
            sql.server.start()
            stack.callback(sql.server.close)
        folder.announce(
            *(house.settings.page.host, page.port, token),
            (sql.server.port, sql.token) if sql else (0, ""),
        )
        _say_hello(house, page.port, sql)
        supervisor.start(
            [
                collect_stage(house, log),
                analyze_stage(house, log, store),
                alert_stage(house, log, store),
                keep_house_stage(house, log),
            ]
        )
        supervisor.wait()
        if not supervisor.join():
            supervisor.leave()


def _stages_of(name: str, house: House, stack: ExitStack) -> list[Stage]:
    """The stage with what it needs, opened in turn; nothing if the process is stopped meanwhile."""
    log = store = None
    if name in ("collect", "analyze", "alert"):
        log = wait_for(lambda: open_log(house), house, name)
        if log is None:
            return []
        stack.callback(log.close)
    if name == "collect" and log:
        return [collect_stage(house, log)]
    store = wait_for(lambda: open_store(house.settings), house, name)
    if store is None:
        return []
    stack.callback(store.close)
    if name == "analyze" and log:
        return [analyze_stage(house, log, store)]
    if name == "alert" and log:
        return [alert_stage(house, log, store)]
    page = open_page(house, store, secrets.token_urlsafe(24))
    page.start()
    stack.callback(page.close)
    return [Stage("dashboard", lambda _: _serve(house, store))]


def _work(name: str, house: House) -> None:
    """Opens what the stage needs, and runs it until a stop."""
    # On the stage's thread: the main one must be free to end the process in time.
    with ExitStack() as stack:
        for stage in _stages_of(name, house, stack):
            stage.run(house.stop)


def _serve(house: House, store: Store) -> None:
    """The page serves from its own threads; this one sees that the store answers."""
    outage, found = Outage(logger("dashboard")), None
    while not house.stop.is_set():
        try:
            found = look_at_store(house, store, found)
            house.board.ok("dashboard", house.clock.now())
            outage.back()
        except RetryLater as error:
            house.board.trouble("dashboard", str(error))
            outage.away(str(error))
        house.clock.wait(house.stop, 10)


def _at_port(config: Config, port: int) -> Config:
    """The town's sources at the port on which its server listens now."""
    old, new = "http://127.0.0.1:0/", f"http://127.0.0.1:{port}/"
    sources = tuple(
        source.model_copy(update={"url": source.url.replace(old, new)}) for source in config.sources
    )
    return config.model_copy(update={"sources": sources})


def _kept_port(folder: Path) -> int:
    """The port of the last run: a feed at another address would be a new one to its readers."""
    path = folder / "port"
    return int(path.read_text("ascii")) if path.exists() else 0


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()


def _say_hello(house: House, port: int, sql: SqlEndpoint | None) -> None:
    page = url_of(house.settings.page.host, port)
    print_line = Console(highlight=False, soft_wrap=True).print
    if house.demo:
        days = house.pace / 1440
        print_line(
            f"[bold]回声 Huisheng · 示例镇 sample town[/bold]（虚构；每分钟 {days:g} 天 / "
            f"invented; {days:g} day(s) a minute）"
        )
        print_line("  正在轮询本机上的示例信息源，一分钟内会有预警")
        print_line("  polling the town's feeds on this machine; warnings within a minute")
    else:
        print_line(f"[bold]回声 Huisheng[/bold]：{len(house.config.sources)} 个信息源 / sources")
    print_line(f"  页面 page: [bold]{page}[/bold]   （英文 English: {page}/?lang=en）")
    if sql:
        print_line(
            f"  SQL: [bold]{sql.url}[/bold]（ClickHouse 客户端 clients；密码 password: run.json）"
        )
    if not house.config.sources:
        place = house.config.directory / "sources.toml"
        print_line(f"  还没有信息源，请编辑 / no sources yet, edit: {place}")
    if house.demo:
        print_line("  换成自己的信息源：.venv/bin/huisheng init，编辑 config/，再 make run")
        print_line("  your own feeds: the same, edit config/, then make run again")
    print_line('  查询 ask in SQL: .venv/bin/huisheng sql "SELECT …"   停止 stop: Ctrl-C\n')

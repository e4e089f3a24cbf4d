"""What users may set: one struct per config file, each default stated where it is declared."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from schemas.posts import SourceKind

Name = Annotated[str, Field(min_length=1, max_length=80)]
Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Share = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+\S*$")]


class Strict(BaseModel):
    """A table whose unknown keys are errors, so that a typo never passes for a setting."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSettings(Strict):
    dir: Path = Path("data")
    retention_days: Count = 90


class BusSecurity(Strict):
    """How Kafka is reached. Passwords stand in the environment or in a file."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    user: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None


class BusSettings(Strict):
    """The last four are for topics that are made; a topic that is there keeps its own.

    `replication`: -1 is the broker's default. `retention_hours`: how long Kafka keeps what was
    handled, at least the longest outage to survive.
    """

    kind: Literal["sqlite", "kafka"] = "sqlite"
    brokers: tuple[str, ...] = ()
    prefix: str = "huisheng."
    security: BusSecurity = BusSecurity()
    create_topics: bool = True
    partitions: Count = 4
    replication: Annotated[int, Field(ge=-1)] = -1
    retention_hours: Annotated[float, Field(ge=1)] = 168
    compression: Literal["zstd", "lz4"] = "zstd"


class StoreSettings(Strict):
    """`dsn`: empty for chDB under the data folder, or http://host:8123/database.

    `cluster`: the name of a ClickHouse cluster that shares the tables; empty for one server.
    """

    dsn: str = ""
    user: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    cluster: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]*$")] = ""


class PageSettings(Strict):
    """`profile`: a district's page shows which department must answer, a school's does not."""

    profile: Literal["school", "district"] = "school"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000


class HealthSettings(Strict):
    """Where a stage of server mode tells how it is; port 0 takes a free one.

    `stages`: the addresses of all stages, which the page and `huisheng status` ask.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    stages: tuple[Url, ...] = ()


class SqlSettings(Strict):
    """The read-only SQL endpoint of the embedded process, for ClickHouse's clients.

    `port`: unset is 8123, or a free one while that is taken; 0 takes a free one. The token is the
    clients' password; without one, it is made anew at each start.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    token: SecretStr = SecretStr("")
    token_file: Path | None = None


class FetchSettings(Strict):
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 20
    max_bytes: Count = 5_000_000
    allow_private: bool = False
    user_agent: str = "huisheng/0.1 (+public feed reader)"


class AnalyzeSettings(Strict):
    """`model`: a folder that `huisheng train` wrote, `shipped`, or `none` for the rules alone."""

    model: str = "shipped"
    engine: Literal["rjieba", "jieba"] = "rjieba"
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 500


class WebhookSettings(Strict):
    name: Key
    url: Url


class NotifySettings(Strict):
    console: bool = True
    webhook: tuple[WebhookSettings, ...] = ()


class Settings(BaseSettings):
    """huisheng.toml, with any value overridden by HUISHENG_<TABLE>__<KEY> in the environment."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="HUISHENG_", env_nested_delimiter="__"
    )
    data: DataSettings = DataSettings()
    bus: BusSettings = BusSettings()
    store: StoreSettings = StoreSettings()
    page: PageSettings = PageSettings()
    health: HealthSettings = HealthSettings()
    sql: SqlSettings = SqlSettings()
    fetch: FetchSettings = FetchSettings()
    analyze: AnalyzeSettings = AnalyzeSettings()
    notify: NotifySettings = NotifySettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

    @property
    def embedded(self) -> bool:
        return self.bus.kind == "sqlite" and not self.store.dsn.startswith("http")

    @property
    def store_dsn(self) -> str:
        return self.store.dsn or f"chdb://{(self.data.dir / 'store').resolve()}"


class Source(Strict):
    """One public feed. `interval_minutes`: how often it is asked when all goes well.

    `area`: the place whose people write there; it tells which 一中 a post means.
    """

    id: Key
    name: Name
    kind: SourceKind
    url: Url
    interval_minutes: Annotated[float, Field(ge=1, le=1440)] = 10
    area: Annotated[str, Field(max_length=80)] = ""


class SourcesFile(Strict):
    source: tuple[Source, ...] = ()


class Unit(Strict):
    """A school or place; a post that holds its name or an alias belongs to it.

    Units of different areas may share an alias: the area of the post's source decides.
    `short_names`: what people make of the full name (第一小学, 一小) is found too.
    """

    name: Name
    aliases: tuple[Name, ...] = ()
    area: Annotated[str, Field(max_length=80)] = ""
    short_names: bool = True


class UnitsFile(Strict):
    unit: tuple[Unit, ...] = ()


class OpeningLevels(Strict):
    concerns: Count = 3


class Tier2Levels(Strict):
    sites: Count = 2
    volume: Count = 100
    growing_volume: Count = 50
    views: Count | None = None


class Tier3Levels(Strict):
    volume: Count = 500
    key_growing_volume: Count = 50
    views: Count | None = None


class LeavingLevels(Strict):
    share: Share = 0.7
    hours: Annotated[float, Field(gt=0)] = 6
    coverage: Share = 0.9


class ClosingLevels(Strict):
    reopen_days: Annotated[float, Field(ge=0)] = 30


class ReportBy(Strict):
    """Hours from the event within which tiers 3 and 4 are reported; 1 and 2 the same day.

    A day with fewer than `same_day_hours` left runs on to `next_day_hour` o'clock, Asia/Shanghai.
    """

    tier4_hours: Annotated[float, Field(gt=0)] = 1
    tier3_hours: Annotated[float, Field(gt=0)] = 2
    same_day_hours: Annotated[float, Field(ge=0, le=24)] = 4
    next_day_hour: Annotated[int, Field(ge=0, le=23)] = 12


class AlertRules(Strict):
    """alerts.toml: the levels of the four tiers."""

    key_topics: tuple[Key, ...] = ()
    opening: OpeningLevels = OpeningLevels()
    tier2: Tier2Levels = Tier2Levels()
    tier3: Tier3Levels = Tier3Levels()
    leaving: LeavingLevels = LeavingLevels()
    closing: ClosingLevels = ClosingLevels()
    report: ReportBy = ReportBy()


class Period(Strict):
    """A sensitive period (exams, enrolment, term start): every topic is a key topic meanwhile."""

    name: Name
    start: AwareDatetime
    end: AwareDatetime


class CalendarFile(Strict):
    period: tuple[Period, ...] = ()


class RuleLine(Strict):
    number: int
    text: str


class RuleFile(Strict):
    """A file of keyword rules, one rule a line; `path` as the user knows it."""

    path: str
    lines: tuple[RuleLine, ...]


class Topic(Strict):
    """One file of topics/: its key is the file's name, its `@` lines say what it is called."""

    key: Key
    name: Name
    name_en: Name
    harm: bool = False
    forms_matter: bool = True
    rules: RuleFile


class Config(Strict):
    """Everything that stands in one config folder."""

    directory: Path
    settings: Settings
    sources: tuple[Source, ...]
    units: tuple[Unit, ...]
    alerts: AlertRules
    periods: tuple[Period, ...]
    topics: tuple[Topic, ...]
    danger: RuleFile
    owed: tuple[RuleFile, ...]

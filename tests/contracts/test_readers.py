"""The read-only user of server mode, with its grants and limits held by a real server.

The packaged server keeps no users that SQL makes, so the statements are parsed there, and the same
grants and limits are given to a user of its config file.
"""

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from runtime.errors import ConfigError
from storage.migrate import migrate
from storage.readers import LIMITS, ROLE, VIEWS, grants, provide_reader, statements
from storage.store import Store
from tests.contracts.sql_endpoint import POSTS, fill
from tests.engines import serve_clickhouse
from tests.engines.clickhouse_server import ClickHouseServer, clickhouse_library
from tests.engines.process import ServerProcess, free_port

DATABASE = "readers"
PASSWORD = "a long password"
CONFIG = """
<clickhouse>
  <users>
    <default>
      <password/><profile>default</profile><quota>default</quota>
      <networks><ip>127.0.0.1</ip></networks><access_management>1</access_management>
    </default>
    <wang>
      <password_sha256_hex>{digest}</password_sha256_hex>
      <profile>{role}</profile><quota>default</quota>
      <networks><ip>127.0.0.1</ip></networks><default_database>{database}</default_database>
      <grants>{grants}</grants>
    </wang>
  </users>
  <profiles><default/><{role}>
    <readonly>1</readonly><result_overflow_mode>throw</result_overflow_mode>{limits}
    <constraints>{constraints}
      <result_overflow_mode><changeable_in_readonly/></result_overflow_mode>
    </constraints>
  </{role}></profiles>
  <quotas><default/></quotas>
</clickhouse>
"""
PLACES = """
<clickhouse>
  <users_config>{users}</users_config>
  <user_directories><users_xml><path>{users}</path></users_xml></user_directories>
</clickhouse>
"""


@dataclass(frozen=True)
class Server:
    """`store` as the owner's; `ask` as the reader."""

    url: str
    store: Store

    def ask(self, sql: str, **settings: int) -> str:
        given = "".join(f"&{name}={value}" for name, value in settings.items())
        request = urllib.request.Request(f"{self.url}/?default_format=TSV{given}", sql.encode())
        request.add_header("X-ClickHouse-User", "wang")
        request.add_header("X-ClickHouse-Key", PASSWORD)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return str(answer.read().decode().strip())
        except urllib.error.HTTPError as error:
            return str(error.read().decode())


def config_text() -> str:
    views = [(DATABASE, view) for view in ("v_posts", "v_trend_daily")]
    return CONFIG.format(
        digest=sha256(PASSWORD.encode()).hexdigest(),
        role=ROLE,
        database=DATABASE,
        grants="".join(
            f"<query>{line.removesuffix(f' TO {ROLE}')}</query>" for line in grants(ROLE, "", views)
        ),
        limits="".join(f"<{name}>{limit}</{name}>" for name, limit in LIMITS.items()),
        constraints="".join(
            f"<{name}><min>1</min><max>{limit}</max><changeable_in_readonly/></{name}>"
            for name, limit in LIMITS.items()
        ),
    )


@pytest.fixture(scope="module")
def server(
    clickhouse_server: ClickHouseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One of its own beside the shared one, which is taken for its marks."""
    folder = tmp_path_factory.mktemp("readers")
    users, config = folder / "users.xml", folder / "config.xml"
    users.write_text(config_text(), "utf-8")
    config.write_text(PLACES.format(users=users), "utf-8")
    port = free_port()
    script = str(Path(str(serve_clickhouse.__file__)))
    places = [str(clickhouse_library()), str(folder / "data"), str(port), str(free_port())]
    process = ServerProcess([sys.executable, script, *places, str(config)], folder / "log")
    url = f"http://127.0.0.1:{port}"
    process.start(lambda: answers(url), 30)
    try:
        with_store = opened(url)
        yield Server(url, with_store)
        with_store.close()
    finally:
        process.kill()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/ping", timeout=1) as answer:
            return bool(answer.read() == b"Ok.\n")
    except OSError:
        return False


def opened(url: str) -> Store:
    outside = Store(url)
    outside.command(f"CREATE DATABASE {DATABASE}")
    outside.close()
    store = Store(f"{url}/{DATABASE}")
    migrate(store)
    fill(store)
    return store


def test_every_statement_is_one_that_the_server_reads(server: Server) -> None:
    views = [(str(database), str(view)) for database, view in server.store.rows(VIEWS)]
    assert (DATABASE, "v_posts") in views
    for cluster in ("", "main"):
        made = statements("wang", "it's \\ a long one", cluster, views)
        assert len(made) == len(views) + 4
        for statement in made:
            ((formatted,),) = server.store.rows("SELECT formatQuery({q:String})", {"q": statement})
            assert ("ON CLUSTER" in str(formatted)) == bool(cluster)


def test_the_reader_reads_the_public_views(server: Server) -> None:
    assert server.ask("SELECT count() FROM v_posts") == str(POSTS)
    assert "v_posts" in server.ask("SHOW TABLES")
    assert server.ask("SELECT name FROM system.tables WHERE name = 'v_posts'") == "v_posts"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count() FROM posts",
        "SELECT count() FROM v_matters",
        "INSERT INTO v_posts (id) VALUES ('x')",
        "INSERT INTO posts (id) VALUES ('x')",
        "DROP VIEW v_posts",
        "CREATE TABLE t (a Int8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE t (a Int8)",
        "ALTER TABLE posts DELETE WHERE 1",
        "SELECT * FROM url('http://127.0.0.1:1/', LineAsString)",
        "SELECT * FROM file('/etc/hostname', LineAsString)",
        "SELECT * FROM remote('127.0.0.1', system.one)",
        "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
        "SELECT name FROM system.users",
        "SET readonly = 0",
        "SYSTEM SHUTDOWN",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_execution_time = 100000",
        "SELECT 1 SETTINGS max_result_rows = 0",
        "CREATE USER x",
        "GRANT SELECT ON *.* TO wang",
    ],
)
def test_and_nothing_else(server: Server, sql: str) -> None:
    answer = server.ask(sql)
    assert answer.startswith("Code: "), answer
    assert any(name in answer for name in ("ACCESS_DENIED", "READONLY", "SETTING_CONSTRAINT"))
    assert server.store.rows("SELECT count() FROM posts") == [(POSTS,)]


def test_the_readers_limits_hold_and_may_be_lowered(server: Server) -> None:
    over = LIMITS["max_result_rows"] + 1
    answer = server.ask(f"SELECT number FROM numbers({over})", wait_end_of_query=1)  # noqa: S608
    assert "TOO_MANY_ROWS_OR_BYTES" in answer
    assert "TOO_MANY_ROWS" in server.ask("SELECT number FROM numbers(99)", max_result_rows=9)
    assert server.ask("SELECT getSetting('max_execution_time')", max_execution_time=5) == "5"


def test_a_server_that_keeps_no_users_is_told_with_what_to_do(server: Server) -> None:
    with pytest.raises(ConfigError, match=r"let the server keep users \(access_control_path"):
        provide_reader(server.store, "wang2", PASSWORD)


def test_an_owner_without_the_right_is_told_with_what_to_do(server_store: Store) -> None:
    with pytest.raises(ConfigError, match=r"let store\.user manage access") as refused:
        provide_reader(server_store, "wang", PASSWORD)
    assert PASSWORD not in str(refused.value)


def test_another_ones_user_is_left_alone(server: Server) -> None:
    for name in ("default", "wang"):
        with pytest.raises(ConfigError, match="already, not one made here"):
            provide_reader(server.store, name, PASSWORD)


def test_names_and_passwords_that_do_not_do(server: Server, chdb_store: Store) -> None:
    with pytest.raises(ConfigError, match="is no user name"):
        provide_reader(server.store, "wang; DROP", PASSWORD)
    with pytest.raises(ConfigError, match="shorter than 12"):
        provide_reader(server.store, "li", "short")
    with pytest.raises(ConfigError, match="the embedded store has no users"):
        provide_reader(chdb_store, "li", PASSWORD)

"""A ClickHouse server with the one user and database that the official image makes."""

import ctypes
import os
from pathlib import Path

USERS = """<clickhouse>
<profiles><default/></profiles><quotas><default/></quotas>
<users>
<default><password></password><networks><ip>127.0.0.1</ip></networks>
<profile>default</profile><quota>default</quota></default>
<{user}><password>{password}</password><networks><ip>::/0</ip></networks>
<profile>default</profile><quota>default</quota>
<access_management>{management}</access_management></{user}>
</users>
</clickhouse>"""
CONFIG = """<clickhouse><users_config>/tmp/users.xml</users_config>
<listen_host>0.0.0.0</listen_host>
<user_directories><users_xml><path>/tmp/users.xml</path></users_xml>
<local_directory><path>/var/lib/clickhouse/access/</path></local_directory></user_directories>
</clickhouse>"""
SERVE = (
    "CREATE DATABASE IF NOT EXISTS {database}; SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; "
    "SELECT sleepEachRow(1) FROM system.numbers FORMAT Null "
    "SETTINGS max_block_size=1, function_sleep_max_microseconds_per_block=0, max_execution_time=0"
)


def main() -> None:
    users = USERS.format(
        user=os.environ["CLICKHOUSE_USER"],
        password=os.environ["CLICKHOUSE_PASSWORD"],
        management=os.environ.get("CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT", "0"),
    )
    Path("/tmp/users.xml").write_text(users, "utf-8")
    Path("/tmp/config.xml").write_text(CONFIG, "utf-8")
    arguments = [
        "clickhouse",
        "--path=/var/lib/clickhouse",
        "--listen_host=0.0.0.0",
        "--http_port=8123",
        "--tcp_port=9000",
        "--config-file=/tmp/config.xml",
        "--multiquery",
        "--query=" + SERVE.format(database=os.environ["CLICKHOUSE_DB"]),
    ]
    encoded = [argument.encode() for argument in arguments]
    serve = ctypes.CDLL("/opt/libchdb.so").chdb_query_cmdline
    serve.restype = ctypes.c_void_p
    serve(len(encoded), (ctypes.c_char_p * len(encoded))(*encoded))


if __name__ == "__main__":
    main()

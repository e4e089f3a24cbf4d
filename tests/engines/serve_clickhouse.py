"""A ClickHouse server in this process until it is killed; started by clickhouse_server.py.

Arguments: path of libchdb.so, data folder, HTTP port, TCP port, and a config file if there are
users with passwords. Loopback only.
"""

import ctypes
import sys

# clickhouse-local opens the ports of a server when told so, and serves while its query runs.
_SERVE = (
    "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; "
    "SELECT sleepEachRow(1) FROM system.numbers FORMAT Null "
    "SETTINGS max_block_size=1, function_sleep_max_microseconds_per_block=0, max_execution_time=0"
)


def serve(library: str, data: str, http_port: str, tcp_port: str, *config: str) -> None:
    arguments = [
        "clickhouse",
        f"--path={data}",
        "--listen_host=127.0.0.1",
        f"--http_port={http_port}",
        f"--tcp_port={tcp_port}",
        *(f"--config-file={path}" for path in config),
        "--multiquery",
        f"--query={_SERVE}",
    ]
    encoded = [argument.encode() for argument in arguments]
    main = ctypes.CDLL(library).chdb_query_cmdline
    main.restype = ctypes.c_void_p
    main(len(encoded), (ctypes.c_char_p * len(encoded))(*encoded))


if __name__ == "__main__":
    serve(*sys.argv[1:])

"""A whole process answers ClickHouse's client while it polls, tags and stores."""

import json
import signal
from pathlib import Path

import clickhouse_connect

from tests.flow.running import PATIENCE_SECONDS, running


def test_a_client_asks_while_the_town_goes_on(tmp_path: Path) -> None:
    with running(tmp_path, "data/demo", "demo", "--speed", "2880") as town:
        town.wait_until("SELECT count() FROM posts", 20)
        file = town.data / "run.json"
        run = json.loads(file.read_text("utf-8"))
        assert file.stat().st_mode & 0o077 == 0
        assert f"SQL: http://127.0.0.1:{run['sql_port']}" in town.told()
        client = clickhouse_connect.get_client(
            host="127.0.0.1",
            port=run["sql_port"],
            password=run["sql_token"],
            send_receive_timeout=int(PATIENCE_SECONDS),
        )
        before = client.command("SELECT count() FROM v_posts")
        assert isinstance(before, int)
        assert before >= 20
        town.wait_until("SELECT count() FROM posts FINAL", before + 5)
        assert len(client.query("SELECT id FROM v_posts").result_rows) >= before + 5
        assert run["sql_token"] not in town.told()
        assert town.end(signal.SIGTERM) == 0
        client.close()

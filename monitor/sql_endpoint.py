"""The embedded process's SQL endpoint: settings and the store in, a server with its token out."""

import secrets
from dataclasses import dataclass

from dashboard.clickhouse_http import create_sql_app, sql_parts
from dashboard.server import PageServer
from monitor.runfile import url_of
from runtime.config import SqlSettings
from runtime.errors import ConfigError
from runtime.settings import secret
from storage.store import Store

USUAL_PORT = 8123


@dataclass(frozen=True)
class SqlEndpoint:
    """Listens already, answers after `server.start()`. `token`: the clients' password."""

    server: PageServer
    token: str

    @property
    def url(self) -> str:
        return url_of(self.server.host, self.server.port)


def open_sql(settings: SqlSettings, store: Store) -> SqlEndpoint | None:
    """Takes the port at once; None when it is not wanted, or the store is a server's own.

    Raises ConfigError when the port that the settings name is taken.
    """
    if not settings.enabled or not store.embedded:
        return None
    token = secret("sql.token", settings.token, settings.token_file) or secrets.token_urlsafe(24)
    app = create_sql_app(sql_parts(store, token, settings.host))
    if settings.port is not None:
        return SqlEndpoint(PageServer(app, settings.host, settings.port, "sql"), token)
    try:
        return SqlEndpoint(PageServer(app, settings.host, USUAL_PORT, "sql"), token)
    except ConfigError:
        return SqlEndpoint(PageServer(app, settings.host, 0, "sql"), token)

"""Terms of the active alerter, and writes that the store itself refuses to a former one.

A process may be paused anywhere and go on believing that it leads. So each of its writes asks, in
the statement and on the server, whether its term is still the current one.
"""

import secrets
from dataclasses import dataclass
from typing import Protocol

from runtime.errors import RetryLater
from storage.store import Params, Row, Store

TAKE = """
INSERT INTO leader_terms (number, holder)
SELECT max(number) + 1, {holder:String} FROM leader_terms
"""
CURRENT = "SELECT max((number, holder)) FROM leader_terms"
STILL = """
WHERE (SELECT max((number, holder)) FROM leader_terms) = ({term:UInt64}, {holder:String})
"""
# A statement stands in this list before its condition is looked at and until its rows are stored
# or refused: what is not in it once a term is taken will meet that term.
RUNNING = """
SELECT count() FROM system.processes
WHERE query_kind = 'Insert' AND current_database = currentDatabase()
    AND position(query, 'FROM leader_terms') > 0
"""


class Deposed(RetryLater):
    """Another alerter took the lead: what was just written may be refused, all held is stale."""


class Writer(Protocol):
    """A Store, or a Lead on one. What is written ends so that a WHERE can follow."""

    def rows(self, sql: str, params: Params | None = None) -> list[Row]: ...

    def command(self, sql: str, params: Params | None = None) -> None: ...


@dataclass(frozen=True)
class Lead:
    """The store, as the active alerter of one term writes it."""

    store: Store
    number: int
    holder: str

    def rows(self, sql: str, params: Params | None = None) -> list[Row]:
        return self.store.rows(sql, params)

    def command(self, sql: str, params: Params | None = None) -> None:
        """An INSERT … SELECT that does nothing once the term is over; then it raises Deposed."""
        term = {"term": self.number, "holder": self.holder}
        self.store.command(sql + STILL, {**(params or {}), **term})
        self.prove()

    def prove(self) -> None:
        """Raises Deposed unless the term is the current one, and so was during all before this."""
        number, holder = _current(self.store)
        if (number, holder) != (self.number, self.holder):
            message = (
                f"{self.store.place}: another alerter took the lead (term {number}, this one had "
                f"{self.number}); nothing is written here until this one leads again"
            )
            raise Deposed(message)


def take_lead(store: Store) -> Lead:
    """A new term, once nothing of an earlier one can be stored any more.

    Raises Deposed when another took one at the same moment, RetryLater while a statement of an
    earlier term still runs. Sound on one server: its list of statements is complete.
    """
    holder = secrets.token_hex(8)
    store.command(TAKE, {"holder": holder})
    # A statement that the network repeated has made two rows: the last one counts.
    number, _ = _current(store)
    lead = Lead(store, number, holder)
    lead.prove()
    ((running,),) = store.rows(RUNNING)
    if running:
        message = f"{store.place}: waits for {running} statements of an earlier alerter to end"
        raise RetryLater(message)
    return lead


def _current(store: Store) -> tuple[int, str]:
    (((number, holder),),) = store.rows(CURRENT)
    return number, holder

"""The schema for a cluster: the statements of one server in, those for all its servers out. Pure.

Posts, readings and polls are dealt to shards by source; every server holds all other tables.
"""

import re

# What windows join must meet on one shard: a thread's posts, and a post's rows and readings.
SHARDED = frozenset({"posts", "engagement", "polls"})
SHARDING = "cityHash64(source)"
_COMMENT = re.compile(r"^(?:\s*--[^\n]*\n)+")
_TABLE = re.compile(
    r"^CREATE TABLE IF NOT EXISTS (\w+)\s*\((.*)\)\s*ENGINE = (\w+)(?:\((.*?)\))?", re.DOTALL
)
_VIEW = re.compile(r"^CREATE OR REPLACE VIEW (\w+)")
_ALTER = re.compile(r"^ALTER TABLE (\w+)")


def on_cluster(statement: str, cluster: str) -> list[str]:
    """What is to be run for `statement`, in order; itself where there is no cluster."""
    bare = _COMMENT.sub("", statement).strip()
    if not cluster:
        return [bare]
    if table := _TABLE.match(bare):
        return _tables(table, bare[table.end() :], cluster)
    if view := _VIEW.match(bare):
        return [f"{view[0]} ON CLUSTER {cluster}{bare[view.end() :]}"]
    if alter := _ALTER.match(bare):
        return _alters(alter[1], bare[alter.end() :], cluster)
    return [bare]


def _tables(table: re.Match[str], rest: str, cluster: str) -> list[str]:
    name, columns, engine, arguments = table.groups()
    kept = f", {arguments}" if arguments else ""
    if name not in SHARDED:
        # One group of replicas over all shards.
        path = f"'/clickhouse/tables/all/{{database}}/{name}', '{{shard}}-{{replica}}'"
        return [
            _made(name, columns, cluster) + f"\nENGINE = Replicated{engine}({path}{kept}){rest}"
        ]
    path = f"'/clickhouse/tables/{{shard}}/{{database}}/{name}', '{{replica}}'"
    local = f"{name}_local"
    dealt = f"Distributed({cluster}, currentDatabase(), {local}, {SHARDING})"
    return [
        _made(local, columns, cluster) + f"\nENGINE = Replicated{engine}({path}{kept}){rest}",
        _made(name, columns, cluster) + f"\nENGINE = {dealt}",
    ]


def _made(name: str, columns: str, cluster: str) -> str:
    return f"CREATE TABLE IF NOT EXISTS {name} ON CLUSTER {cluster}\n({columns})"


def _alters(name: str, rest: str, cluster: str) -> list[str]:
    """A new column must stand in both tables; rows are deleted where they lie."""
    changed = [f"ALTER TABLE {name} ON CLUSTER {cluster}{rest}"]
    if name not in SHARDED:
        return changed
    local = f"ALTER TABLE {name}_local ON CLUSTER {cluster}{rest}"
    rows_only = re.match(r"\s+(?:DELETE|UPDATE|DROP PARTITION)\b", rest)
    return [local] if rows_only else [local, *changed]

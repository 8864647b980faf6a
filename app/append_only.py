"""Tables of evidence that the database itself keeps from UPDATE and DELETE (invariant 3)."""

from __future__ import annotations

from sqlalchemy import Connection

from .db import Base

# The doubled % is psycopg's spelling of one.
PG_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION '%% is append-only', TG_TABLE_NAME; END $$ LANGUAGE plpgsql
"""


def tables() -> list[str]:
    return sorted(m.local_table.name for m in Base.registry.mappers if getattr(m.class_, "__append_only__", False))  # type: ignore[attr-defined]


def install(connection: Connection, names: list[str]) -> None:
    """Create the triggers; safe to run again (a batch re-creation on SQLite drops them silently)."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(PG_FUNCTION)
        for name in names:
            for what, scope in (("UPDATE OR DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
                trigger = f"append_only_{name}_{scope.lower()}"
                connection.exec_driver_sql(f'DROP TRIGGER IF EXISTS {trigger} ON "{name}"')
                connection.exec_driver_sql(
                    f'CREATE TRIGGER {trigger} BEFORE {what} ON "{name}" '
                    f"FOR EACH {scope} EXECUTE FUNCTION refuse_change()"
                )
        return
    for name in names:
        for what in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f'CREATE TRIGGER IF NOT EXISTS append_only_{name}_{what.lower()} BEFORE {what} ON "{name}" '
                f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
            )

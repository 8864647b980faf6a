"""Alembic, on the application's own engine, so that its BEGIN listeners hold here too."""

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from app.db import WRITE, Instant, Scaled, db


def render_item(kind: str, item: object, _autogen: object) -> str | bool:
    """Migrations spell out plain types: what our own types mean may change later, what was migrated may not."""
    if kind == "type" and isinstance(item, Instant):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Scaled):
        return "sa.BigInteger()"
    return False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


def foreign_keys(connection: Connection, turned: str) -> None:
    """A batch re-creation on SQLite drops tables that others point at. Asked of the driver itself: through SQLAlchemy a
    BEGIN would come first, and inside a transaction SQLite passes this over in silence."""
    if connection.dialect.name == "sqlite":
        connection.connection.driver_connection.execute(f"PRAGMA foreign_keys={turned}")


with current_app.app_context():
    engine = db.engine.execution_options(**{WRITE: True})
    with engine.connect() as connection:
        foreign_keys(connection, "OFF")
        run(connection)
        connection.commit()
        foreign_keys(connection, "ON")

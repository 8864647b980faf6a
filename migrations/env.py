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


with current_app.app_context():
    engine = db.engine.execution_options(**{WRITE: True})
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            # A batch re-creation drops tables; foreign keys can only be turned off before BEGIN.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.commit()
        run(connection)
        connection.commit()
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")

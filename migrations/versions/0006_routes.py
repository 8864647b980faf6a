"""gateways' states and health, routes that match by more, asking for cards, moving routes"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
OPEN = sa.text("status IN ('started', 'requires_action', 'pending', 'unknown')")


def words(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def foreign(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))


def add(table: str, column: str, kind: str, *, check: str = "", target: str = "") -> None:
    """A column with its constraint, as both databases take it without making the table anew."""
    extra = f" CONSTRAINT {check}" if check else ""
    extra += f" CONSTRAINT fk_{table}_{column} REFERENCES {target} (id)" if target else ""
    op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}{extra}")


def upgrade() -> None:
    big = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute("ALTER TABLE gateway RENAME COLUMN state TO status")
    for column in (
        sa.Column("legacy_until", sa.Date(), nullable=True),
        sa.Column("silent", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("silent_since", INSTANT, nullable=True),
        sa.Column("down_since", INSTANT, nullable=True),
        sa.Column("down_error", sa.String(length=500), nullable=True),
        sa.Column("checked_at", INSTANT, nullable=True),
        sa.Column("recovered_at", INSTANT, nullable=True),
    ):
        op.add_column("gateway", column)
    op.add_column("route", sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("route", sa.Column("account_group", sa.String(length=40), nullable=False, server_default=""))
    op.add_column("route", sa.Column("capture_later", sa.Boolean(), nullable=False, server_default=sa.false()))
    add(
        "route",
        "order_kind",
        "VARCHAR(40)",
        check="ck_route_method_orderkind CHECK (order_kind IN ('one_time', 'recurring'))",
    )
    add("route", "amount_min", big)
    add(
        "route",
        "amount_max",
        big,
        check="ck_route_amount_range CHECK (amount_min IS NULL OR amount_max IS NULL OR amount_min <= amount_max)",
    )
    add("route", "fallback_id", big, target="gateway")
    add("attempt", "route_id", big, target="route")
    op.add_column("account", sa.Column("account_group", sa.String(length=40), nullable=False, server_default=""))
    op.add_column("token", sa.Column("detached_at", INSTANT, nullable=True))
    _requests()
    _setups()
    _migrations()


def _requests() -> None:
    op.create_table(
        "method_request",
        sa.Column("id", BIG, nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            words("method_request_requeststatus", "live", "done", "expired", "revoked", "superseded"),
            nullable=False,
        ),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("contact_id", BIG, nullable=False),
        sa.Column("route_id", BIG, nullable=False),
        sa.Column("method_id", BIG, nullable=True),
        sa.Column("attempt_limit", sa.Integer(), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("created_by_id", BIG, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        foreign("method_request", "account_id", "account"),
        foreign("method_request", "contact_id", "contact"),
        foreign("method_request", "route_id", "route"),
        foreign("method_request", "method_id", "payment_method"),
        foreign("method_request", "created_by_id", "user"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_method_request")),
        sa.UniqueConstraint("public_id", name=op.f("uq_method_request_public_id")),
    )
    live = sa.text("status = 'live'")
    op.create_index(
        "uq_method_request_live",
        "method_request",
        ["account_id", "contact_id"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
    op.create_index(op.f("ix_method_request_account_id"), "method_request", ["account_id"])


def _setups() -> None:
    statuses = ("started", "requires_action", "pending", "unknown", "succeeded", "declined", "failed", "cancelled")
    op.create_table(
        "method_setup",
        sa.Column("id", BIG, nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("request_id", BIG, nullable=False),
        sa.Column("status", words("attempt_attemptstatus", *statuses), nullable=False),
        sa.Column("gateway_id", BIG, nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("provider_id", sa.String(length=100), nullable=True),
        sa.Column("next_action", sa.JSON(), nullable=True),
        sa.Column("card_label", sa.String(length=60), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("consent_text", sa.String(), nullable=False),
        sa.Column("decline_code", sa.String(length=60), nullable=True),
        sa.Column("advice", sa.String(length=60), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("ask_at", INSTANT, nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        foreign("method_setup", "request_id", "method_request"),
        foreign("method_setup", "gateway_id", "gateway"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_method_setup")),
        sa.UniqueConstraint("public_id", name=op.f("uq_method_setup_public_id")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_method_setup_idempotency_key")),
    )
    op.create_index(
        "uq_method_setup_open", "method_setup", ["request_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
    waits = sa.text("ask_at IS NOT NULL")
    op.create_index("ix_method_setup_ask", "method_setup", ["ask_at"], sqlite_where=waits, postgresql_where=waits)
    op.create_index(op.f("ix_method_setup_request_id"), "method_setup", ["request_id"])


def _migrations() -> None:
    op.create_table(
        "route_migration",
        sa.Column("id", BIG, nullable=False),
        sa.Column("route_id", BIG, nullable=False),
        sa.Column("from_gateway_id", BIG, nullable=False),
        sa.Column("to_gateway_id", BIG, nullable=False),
        sa.Column(
            "status",
            words("route_migration_migrationstatus", "running", "done", "reversed", "detached"),
            nullable=False,
        ),
        sa.Column("ask_customers", sa.Boolean(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("last_method_id", BIG, nullable=False),
        sa.Column("created_by_id", BIG, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        foreign("route_migration", "route_id", "route"),
        foreign("route_migration", "from_gateway_id", "gateway"),
        foreign("route_migration", "to_gateway_id", "gateway"),
        foreign("route_migration", "created_by_id", "user"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_route_migration")),
    )
    running = sa.text("status = 'running'")
    op.create_index(
        "uq_route_migration_running",
        "route_migration",
        ["route_id"],
        unique=True,
        sqlite_where=running,
        postgresql_where=running,
    )
    op.create_index(op.f("ix_route_migration_route_id"), "route_migration", ["route_id"])
    op.create_table(
        "migrated_method",
        sa.Column("id", BIG, nullable=False),
        sa.Column("migration_id", BIG, nullable=False),
        sa.Column("method_id", BIG, nullable=False),
        sa.Column("fate", words("route_migration_fate", "ready", "new_card", "blocked"), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        foreign("migrated_method", "migration_id", "route_migration"),
        foreign("migrated_method", "method_id", "payment_method"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_migrated_method")),
        sa.UniqueConstraint("migration_id", "method_id", name=op.f("uq_migrated_method_migration_id_method_id")),
    )


def downgrade() -> None:
    """Only while nothing was asked for or moved; what routes and gateways learned is lost."""
    for table in ("migrated_method", "route_migration", "method_setup", "method_request"):
        op.drop_table(table)
    gone = {
        "token": ("detached_at",),
        "account": ("account_group",),
        "attempt": ("route_id",),
        "route": ("fallback_id", "amount_max", "amount_min", "order_kind", "capture_later", "account_group", "active"),
        "gateway": (
            "recovered_at",
            "checked_at",
            "down_error",
            "down_since",
            "silent_since",
            "silent",
            "legacy_until",
        ),
    }
    for table, columns in gone.items():
        with op.batch_alter_table(table) as batch:
            for column in columns:
                batch.drop_column(column)
    op.execute("ALTER TABLE gateway RENAME COLUMN status TO state")

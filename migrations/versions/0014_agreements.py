"""payment agreements with their lines, versions and scheduled payments; subscriptions that pause"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from app import append_only

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
AGREEMENT = ("draft", "active", "paused", "past_due", "cancelled", "completed")
SCHEDULED = ("scheduled", "collecting", "paid", "failed", "skipped", "cancelled")
FREQUENCY = ("weekly", "monthly", "quarterly", "yearly")
COLLECTION = ("payment_link", "saved_method", "staff_card", "offline")
SUBSCRIPTION = ("scheduled", "active", "paused", "ended")


def words(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def foreign(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    _agreements()
    _lines()
    _versions()
    _payment_orders()
    _scheduled_payments()
    _subscriptions()
    _settings()
    append_only.install(op.get_bind(), ["agreement_version"])


def _agreements() -> None:
    op.create_table(
        "payment_agreement",
        sa.Column("id", BIG, nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("status", words("agreement_agreementstatus", *AGREEMENT), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("contact_id", BIG, nullable=True),
        sa.Column("order_id", BIG, nullable=True),
        sa.Column("owner_id", BIG, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("prices_include_tax", sa.Boolean(), nullable=False),
        sa.Column("rounding_rule", sa.String(length=20), nullable=False),
        sa.Column("frequency", words("catalog_frequency", *FREQUENCY), nullable=False),
        sa.Column("every", sa.Integer(), nullable=False),
        sa.Column("anchor", sa.Date(), nullable=False),
        sa.Column("anchor_period", sa.Integer(), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("first_period", sa.Integer(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("term_months", sa.Integer(), nullable=True),
        sa.Column("renewal", words("quote_renewal", "auto", "manual", "none"), nullable=False),
        sa.Column("trial_ends_on", sa.Date(), nullable=True),
        sa.Column("proration", words("agreement_proration", "none", "daily"), nullable=False),
        sa.Column("collection", words("quote_collectionmethod", *COLLECTION), nullable=False),
        sa.Column("method_id", BIG, nullable=True),
        sa.Column("paused_until", sa.Date(), nullable=True),
        sa.Column("missed", words("agreement_missed", "skip", "collect"), nullable=True),
        sa.Column("cancels_on", sa.Date(), nullable=True),
        sa.Column("consent_text", sa.String(), nullable=False),
        sa.Column("consent_by", sa.String(length=200), nullable=False),
        sa.Column("consent_how", sa.String(length=100), nullable=False),
        sa.Column("consent_at", INSTANT, nullable=False),
        sa.Column("consent_version", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("every > 0", name=op.f("ck_payment_agreement_every_positive")),
        sa.CheckConstraint(
            "first_period > 0 AND anchor_period > 0", name=op.f("ck_payment_agreement_periods_counted_from_one")
        ),
        sa.CheckConstraint(
            "collection IN ('saved_method', 'payment_link')", name=op.f("ck_payment_agreement_collected_by_itself")
        ),
        sa.CheckConstraint(
            "(status = 'paused') OR (paused_until IS NULL AND missed IS NULL)",
            name=op.f("ck_payment_agreement_paused_only"),
        ),
        foreign("payment_agreement", "account_id", "account"),
        foreign("payment_agreement", "contact_id", "contact"),
        foreign("payment_agreement", "order_id", "sales_order"),
        foreign("payment_agreement", "owner_id", "user"),
        foreign("payment_agreement", "method_id", "payment_method"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_agreement")),
        sa.UniqueConstraint("number", name=op.f("uq_payment_agreement_number")),
    )
    for column in ("account_id", "method_id"):
        op.create_index(op.f(f"ix_payment_agreement_{column}"), "payment_agreement", [column])
    op.create_index("uq_payment_agreement_order_frequency", "payment_agreement", ["order_id", "frequency"], unique=True)
    op.create_index("ix_payment_agreement_owner_id_id", "payment_agreement", ["owner_id", "id"])
    op.create_index("ix_payment_agreement_status_id", "payment_agreement", ["status", "id"])


def _lines() -> None:
    op.create_table(
        "agreement_line",
        sa.Column("id", BIG, nullable=False),
        sa.Column("agreement_id", BIG, nullable=False),
        sa.Column("order_line_id", BIG, nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sku", sa.String(length=60), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("discount_percent", sa.BigInteger(), nullable=False),
        sa.Column("tax_rate", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_agreement_line_quantity_positive")),
        sa.CheckConstraint("unit_price >= 0", name=op.f("ck_agreement_line_unit_price_not_negative")),
        sa.CheckConstraint(
            "discount_percent >= 0 AND discount_percent <= 100000", name=op.f("ck_agreement_line_discount_in_range")
        ),
        sa.CheckConstraint("tax_rate >= 0", name=op.f("ck_agreement_line_tax_rate_not_negative")),
        foreign("agreement_line", "agreement_id", "payment_agreement"),
        foreign("agreement_line", "order_line_id", "order_line"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement_line")),
        sa.UniqueConstraint("agreement_id", "position", name=op.f("uq_agreement_line_agreement_id_position")),
        sa.UniqueConstraint("order_line_id", name=op.f("uq_agreement_line_order_line_id")),
    )
    op.create_index(op.f("ix_agreement_line_agreement_id"), "agreement_line", ["agreement_id"])


def _versions() -> None:
    op.create_table(
        "agreement_version",
        sa.Column("id", BIG, nullable=False),
        sa.Column("agreement_id", BIG, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        foreign("agreement_version", "agreement_id", "payment_agreement"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement_version")),
        sa.UniqueConstraint("agreement_id", "version", name=op.f("uq_agreement_version_agreement_id_version")),
    )


def _payment_orders() -> None:
    """SQLite takes the key with its column, so that the tables and their indexes stay as they are."""
    for table in ("payment_order", "subscription"):
        name = f"fk_{table}_agreement_id"
        if op.get_bind().dialect.name == "sqlite":
            key = f"CONSTRAINT {name} REFERENCES payment_agreement (id)"
            op.execute(f"ALTER TABLE {table} ADD COLUMN agreement_id INTEGER {key}")
        else:
            op.add_column(table, sa.Column("agreement_id", BIG, nullable=True))
            op.create_foreign_key(op.f(name), table, "payment_agreement", ["agreement_id"], ["id"])
        op.create_index(op.f(f"ix_{table}_agreement_id"), table, ["agreement_id"])


def _scheduled_payments() -> None:
    op.create_table(
        "scheduled_payment",
        sa.Column("id", BIG, nullable=False),
        sa.Column("agreement_id", BIG, nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("status", words("scheduled_payment_scheduledstatus", *SCHEDULED), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("covers_from", sa.Date(), nullable=False),
        sa.Column("covers_to", sa.Date(), nullable=False),
        sa.Column("amount", BIG, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("payment_order_id", BIG, nullable=True),
        sa.Column("invoice_id", BIG, nullable=True),
        sa.Column("held_until", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_scheduled_payment_amount_positive")),
        sa.CheckConstraint("period > 0", name=op.f("ck_scheduled_payment_period_positive")),
        sa.CheckConstraint("covers_to >= covers_from", name=op.f("ck_scheduled_payment_covers_days")),
        sa.CheckConstraint(
            "status IN ('scheduled', 'skipped', 'cancelled') OR payment_order_id IS NOT NULL",
            name=op.f("ck_scheduled_payment_billed_to_be_paid"),
        ),
        foreign("scheduled_payment", "agreement_id", "payment_agreement"),
        foreign("scheduled_payment", "payment_order_id", "payment_order"),
        foreign("scheduled_payment", "invoice_id", "invoice"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scheduled_payment")),
        sa.UniqueConstraint("agreement_id", "period", name=op.f("uq_scheduled_payment_agreement_id_period")),
        sa.UniqueConstraint("payment_order_id", name=op.f("uq_scheduled_payment_payment_order_id")),
        sa.UniqueConstraint("invoice_id", name=op.f("uq_scheduled_payment_invoice_id")),
    )
    waits = sa.text("status = 'scheduled'")
    op.create_index(
        "ix_scheduled_payment_due", "scheduled_payment", ["due_at", "id"], sqlite_where=waits, postgresql_where=waits
    )


def _subscriptions() -> None:
    known = ", ".join(f"'{status}'" for status in SUBSCRIPTION)
    with op.batch_alter_table("subscription") as batch:
        batch.drop_constraint("subscription_subscriptionstatus", type_="check")
        batch.create_check_constraint("subscription_subscriptionstatus", f"status IN ({known})")


def _settings() -> None:
    """A switch that stops money has its row from the start, so that whoever decides by it can hold it."""
    setting = sa.table(
        "setting", sa.column("key", sa.String), sa.column("value", sa.JSON), sa.column("updated_at", sa.DateTime)
    )
    op.bulk_insert(setting, [{"key": "payments.recurring", "value": True, "updated_at": datetime.now(UTC)}])


def downgrade() -> None:
    raise NotImplementedError("agreements are evidence; restore a backup instead")

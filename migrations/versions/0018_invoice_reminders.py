"""Reminders of unpaid invoices, each step once, and the invoices they are stopped for"""

import sqlalchemy as sa
from alembic import op

from app import append_only

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
IN_FORCE = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "invoice_reminder",
        sa.Column("id", BIG, nullable=False),
        sa.Column("invoice_id", BIG, nullable=False),
        sa.Column("step", sa.Integer(), nullable=True),
        sa.Column("email_id", BIG, nullable=False),
        sa.Column("sent_by", sa.String(length=200), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["email_id"], ["order_email.id"], name=op.f("fk_invoice_reminder_email_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_reminder_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_reminder")),
        sa.UniqueConstraint("invoice_id", "step", name=op.f("uq_invoice_reminder_invoice_id_step")),
    )
    op.create_table(
        "reminder_stop",
        sa.Column("id", BIG, nullable=False),
        sa.Column("invoice_id", BIG, nullable=False),
        sa.Column("because", sa.String(length=500), nullable=False),
        sa.Column("stopped_by", sa.String(length=200), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("ended_by", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_reminder_stop_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder_stop")),
    )
    op.create_index(op.f("ix_reminder_stop_invoice_id"), "reminder_stop", ["invoice_id"])
    op.create_index(
        "uq_reminder_stop_in_force",
        "reminder_stop",
        ["invoice_id"],
        unique=True,
        sqlite_where=IN_FORCE,
        postgresql_where=IN_FORCE,
    )
    op.create_index(op.f("ix_invoice_due_date"), "invoice", ["due_date"])
    append_only.install(op.get_bind(), ["invoice_reminder"])


def downgrade() -> None:
    raise NotImplementedError("what customers were reminded of is evidence; restore a backup instead")

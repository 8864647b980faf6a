"""pay-outs of unapplied cash that wait for a second person"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def words(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    op.create_table(
        "pay_out",
        sa.Column("id", BIG, nullable=False),
        sa.Column("status", words("pay_out_payoutstatus", "requested", "paid", "refused"), nullable=False),
        sa.Column("receipt_id", BIG, nullable=False),
        sa.Column("paid_id", BIG, nullable=True),
        sa.Column("amount", BIG, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("kind", words("invoice_receiptkind", "gateway", "cheque", "wire", "cash"), nullable=False),
        sa.Column("reference", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("asked_by_id", BIG, nullable=False),
        sa.Column("decided_by_id", BIG, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount > 0", name=op.f("ck_pay_out_amount_positive")),
        sa.ForeignKeyConstraint(["receipt_id"], ["receipt.id"], name=op.f("fk_pay_out_receipt_id")),
        sa.ForeignKeyConstraint(["paid_id"], ["receipt.id"], name=op.f("fk_pay_out_paid_id")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["user.id"], name=op.f("fk_pay_out_asked_by_id")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["user.id"], name=op.f("fk_pay_out_decided_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pay_out")),
        sa.UniqueConstraint("paid_id", name=op.f("uq_pay_out_paid_id")),
    )
    op.create_index(op.f("ix_pay_out_status"), "pay_out", ["status"])
    op.create_index(op.f("ix_pay_out_receipt_id"), "pay_out", ["receipt_id"])


def downgrade() -> None:
    op.drop_table("pay_out")

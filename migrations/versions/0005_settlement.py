"""settlement"""

import sqlalchemy as sa
from alembic import op

from app import append_only

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "settlement_batch",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("gateway_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider_id", sa.String(length=100), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "in_transit",
                "paid",
                "failed",
                "cancelled",
                name="settlement_batchstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("net", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_on", sa.Date(), nullable=False),
        sa.Column("arrives_on", sa.Date(), nullable=False),
        sa.Column("raw_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_settlement_batch_gateway_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_batch")),
        sa.UniqueConstraint("gateway_id", "provider_id", name=op.f("uq_settlement_batch_gateway_id_provider_id")),
    )
    op.create_index("ix_settlement_batch_created_on", "settlement_batch", ["created_on", "id"], unique=False)
    op.create_table(
        "settlement_sync",
        sa.Column(
            "gateway_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("known_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=500), nullable=True),
        sa.Column("batches", sa.Integer(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_settlement_sync_gateway_id")),
        sa.PrimaryKeyConstraint("gateway_id", name=op.f("pk_settlement_sync")),
    )
    op.create_table(
        "settlement_exception",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "unmatched",
                "differing",
                "missing",
                "sum",
                name="settlement_exceptionkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "open",
                "cleared",
                "accepted",
                name="settlement_exception_exceptionstatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("gateway_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("subject_kind", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reference", sa.String(length=100), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["settlement_batch.id"], name=op.f("fk_settlement_exception_batch_id")),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_settlement_exception_gateway_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_exception")),
        sa.UniqueConstraint(
            "kind", "subject_kind", "subject_id", name=op.f("uq_settlement_exception_kind_subject_kind_subject_id")
        ),
    )
    op.create_index(op.f("ix_settlement_exception_batch_id"), "settlement_exception", ["batch_id"], unique=False)
    op.create_index("ix_settlement_exception_status", "settlement_exception", ["status", "id"], unique=False)
    op.create_table(
        "settlement_line",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("gateway_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider_id", sa.String(length=100), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "charge",
                "refund",
                "refund_failure",
                "dispute",
                "reinstatement",
                "fee",
                "adjustment",
                name="settlement_linekind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("source_id", sa.String(length=100), nullable=True),
        sa.Column("charge_id", sa.String(length=100), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("gross", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fee", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("net", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("presented", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("presented_currency", sa.String(length=3), nullable=True),
        sa.Column("rate", sa.BigInteger(), nullable=True),
        sa.Column("description", sa.String(length=300), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("net = gross - fee", name=op.f("ck_settlement_line_adds_up")),
        sa.ForeignKeyConstraint(["batch_id"], ["settlement_batch.id"], name=op.f("fk_settlement_line_batch_id")),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_settlement_line_gateway_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_line")),
        sa.UniqueConstraint("gateway_id", "provider_id", name=op.f("uq_settlement_line_gateway_id_provider_id")),
    )
    op.create_index(op.f("ix_settlement_line_batch_id"), "settlement_line", ["batch_id"], unique=False)
    op.create_index("ix_settlement_line_charge_id", "settlement_line", ["gateway_id", "charge_id"], unique=False)
    op.create_table(
        "settlement_match",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("transaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["line_id"], ["settlement_line.id"], name=op.f("fk_settlement_match_line_id")),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["transaction.id"], name=op.f("fk_settlement_match_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_match")),
        sa.UniqueConstraint("line_id", name=op.f("uq_settlement_match_line_id")),
    )
    op.create_index(op.f("ix_settlement_match_transaction_id"), "settlement_match", ["transaction_id"], unique=False)
    append_only.install(op.get_bind(), ["settlement_line", "settlement_match"])


def downgrade() -> None:
    tables = ("settlement_match", "settlement_exception", "settlement_line", "settlement_batch", "settlement_sync")
    for table in tables:
        op.drop_table(table)

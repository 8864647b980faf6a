"""the wish for a credit note, kept with the refund; the refund that a credit note follows; the try that a fallback took the place of"""

import sqlalchemy as sa
from alembic import op

from app import append_only

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("movement", sa.Column("credit_note", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("credit_note") as batch:
        batch.add_column(sa.Column("refund_id", BIG, nullable=True))
        batch.create_foreign_key(op.f("fk_credit_note_refund_id"), "transaction", ["refund_id"], ["id"])
        batch.create_unique_constraint(op.f("uq_credit_note_refund_id_invoice_id"), ["refund_id", "invoice_id"])
    append_only.install(op.get_bind(), ["credit_note"])
    _fallbacks()


def _fallbacks() -> None:
    """SQLite takes the key with its column, so that the table and its partial indexes stay as they are."""
    if op.get_bind().dialect.name == "sqlite":
        key = "CONSTRAINT fk_attempt_fallback_of_id REFERENCES attempt (id)"
        op.execute(f"ALTER TABLE attempt ADD COLUMN fallback_of_id INTEGER {key}")
    else:
        op.add_column("attempt", sa.Column("fallback_of_id", BIG, nullable=True))
        op.create_foreign_key(op.f("fk_attempt_fallback_of_id"), "attempt", "attempt", ["fallback_of_id"], ["id"])
    op.create_index(op.f("ix_attempt_fallback_of_id"), "attempt", ["fallback_of_id"], unique=True)


def downgrade() -> None:
    raise NotImplementedError("credit notes are evidence; restore a backup instead")

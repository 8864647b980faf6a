"""fees of disputes that are given back; receipts that name their dispute; appeals at the sandbox"""

import sqlalchemy as sa
from alembic import op

from app import append_only

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

KINDS = ("debit", "fee", "reinstatement", "fee_returned")

# Until now a receipt of what a bank took was known by having no transaction; its dispute by capture and amount.
NAME = """
UPDATE receipt SET dispute_id = (
    SELECT min(dispute.id) FROM dispute JOIN receipt AS root ON root.transaction_id = dispute.transaction_id
    WHERE root.id = receipt.parent_id AND dispute.status IN ('lost', 'accepted') AND dispute.amount = -receipt.amount
) WHERE kind = 'gateway' AND transaction_id IS NULL AND amount < 0
"""


def upgrade() -> None:
    known = ", ".join(f"'{kind}'" for kind in KINDS)
    with op.batch_alter_table("dispute_entry") as batch:
        batch.drop_constraint("dispute_disputeentrykind", type_="check")
        batch.create_check_constraint("dispute_disputeentrykind", f"kind IN ({known})")
    _receipts()
    op.add_column("sandbox_dispute", sa.Column("appealed", sa.Boolean(), nullable=False, server_default=sa.false()))
    append_only.install(op.get_bind(), ["dispute_entry", "receipt"])


def _receipts() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    kind = "INTEGER" if sqlite else "BIGINT"
    op.execute(
        f"ALTER TABLE receipt ADD COLUMN dispute_id {kind} CONSTRAINT fk_receipt_dispute_id REFERENCES dispute (id)"
    )
    op.create_index(op.f("ix_receipt_dispute_id"), "receipt", ["dispute_id"])
    op.execute(
        "DROP TRIGGER append_only_receipt_update" if sqlite else "DROP TRIGGER append_only_receipt_row ON receipt"
    )
    op.execute(NAME)


def downgrade() -> None:
    raise NotImplementedError("what a bank took and gave back is evidence; restore a backup instead")

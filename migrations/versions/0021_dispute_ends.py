"""fees of disputes that are given back; receipts that name their dispute; appeals at the sandbox"""

from collections import defaultdict

import sqlalchemy as sa
from alembic import op

from app import append_only

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

KINDS = ("debit", "fee", "reinstatement", "fee_returned")

# Until now a receipt of what a bank took was known by having no transaction; its dispute by capture and amount.
TAKEN = """
SELECT parent_id AS root, id, -amount AS amount FROM receipt
WHERE kind = 'gateway' AND transaction_id IS NULL AND amount < 0 AND parent_id IS NOT NULL ORDER BY id
"""
LOST = """
SELECT root.id AS root, dispute.id, dispute.amount FROM dispute
JOIN receipt AS root ON root.transaction_id = dispute.transaction_id
WHERE dispute.status IN ('lost', 'accepted') AND root.parent_id IS NULL ORDER BY dispute.id
"""
NAME = sa.text("UPDATE receipt SET dispute_id = :dispute WHERE id = :receipt")


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
    _name(op.get_bind())


def _name(connection: sa.Connection) -> None:
    """The first receipt of an amount is the first dispute's of it, and so on; what is then left on a capture is named
    only where one of each is."""
    lost = defaultdict(list)
    for root, dispute, amount in connection.execute(sa.text(LOST)):
        lost[root].append((dispute, amount))
    unnamed = defaultdict(list)
    for root, receipt, amount in connection.execute(sa.text(TAKEN)):
        same = next((x for x in lost[root] if x[1] == amount), None)
        if same is None:
            unnamed[root].append(receipt)
            continue
        lost[root].remove(same)
        connection.execute(NAME, {"dispute": same[0], "receipt": receipt})
    for root, receipts in unnamed.items():
        if len(receipts) == len(lost[root]) == 1:
            connection.execute(NAME, {"dispute": lost[root][0][0], "receipt": receipts[0]})


def downgrade() -> None:
    raise NotImplementedError("what a bank took and gave back is evidence; restore a backup instead")

"""fees of disputes that are given back"""

from alembic import op

from app import append_only

revision = "0021"
down_revision = "0018"
branch_labels = None
depends_on = None

KINDS = ("debit", "fee", "reinstatement", "fee_returned")


def upgrade() -> None:
    known = ", ".join(f"'{kind}'" for kind in KINDS)
    with op.batch_alter_table("dispute_entry") as batch:
        batch.drop_constraint("dispute_disputeentrykind", type_="check")
        batch.create_check_constraint("dispute_disputeentrykind", f"kind IN ({known})")
    append_only.install(op.get_bind(), ["dispute_entry"])


def downgrade() -> None:
    raise NotImplementedError("what a bank took and gave back is evidence; restore a backup instead")

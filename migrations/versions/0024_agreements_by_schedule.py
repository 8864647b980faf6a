"""An agreement for each schedule of an order's recurring lines, not for each frequency alone"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("uq_payment_agreement_order_frequency", table_name="payment_agreement")
    op.create_index("ix_payment_agreement_order_id", "payment_agreement", ["order_id"])


def downgrade() -> None:
    raise NotImplementedError("an order may have two agreements of one frequency by now; restore a backup instead")

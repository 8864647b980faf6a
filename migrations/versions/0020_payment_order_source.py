"""A payment order asks for an order or for a period of an agreement"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("payment_order") as batch:
        batch.create_check_constraint(
            op.f("ck_payment_order_asks_for_something"), "(order_id IS NULL) <> (agreement_id IS NULL)"
        )


def downgrade() -> None:
    with op.batch_alter_table("payment_order") as batch:
        batch.drop_constraint(op.f("ck_payment_order_asks_for_something"), type_="check")

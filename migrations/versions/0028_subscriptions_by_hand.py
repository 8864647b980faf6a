"""What is received by the lines of agreements by hand"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Begun by the next tick that looks, as one whose day has just come.
MADE = """
INSERT INTO subscription (agreement_id, agreement_line_id, account_id, status, sku, description, quantity, frequency,
    starts_on, ends_on)
SELECT a.id, l.id, a.account_id, 'scheduled', l.sku, l.description, l.quantity, a.frequency, a.anchor,
    COALESCE(a.cancels_on, a.ends_on)
FROM agreement_line l JOIN payment_agreement a ON a.id = l.agreement_id
WHERE l.order_line_id IS NULL AND a.status IN ('active', 'paused', 'past_due')
ORDER BY l.id
"""


def upgrade() -> None:
    with op.batch_alter_table("subscription") as batch:
        batch.add_column(sa.Column("agreement_line_id", BIG, nullable=True))
        batch.alter_column("order_id", existing_type=BIG, nullable=True)
        batch.alter_column("order_line_id", existing_type=BIG, nullable=True)
        batch.create_foreign_key(
            op.f("fk_subscription_agreement_line_id"), "agreement_line", ["agreement_line_id"], ["id"]
        )
        batch.create_unique_constraint(op.f("uq_subscription_agreement_line_id"), ["agreement_line_id"])
        batch.create_check_constraint(
            op.f("ck_subscription_of_one_line"), "(order_line_id IS NULL) <> (agreement_line_id IS NULL)"
        )
        batch.create_check_constraint(
            op.f("ck_subscription_of_its_order"), "(order_line_id IS NULL) = (order_id IS NULL)"
        )
    op.execute(MADE)


def downgrade() -> None:
    op.execute("DELETE FROM subscription WHERE order_line_id IS NULL")
    with op.batch_alter_table("subscription") as batch:
        batch.drop_constraint(op.f("ck_subscription_of_its_order"), type_="check")
        batch.drop_constraint(op.f("ck_subscription_of_one_line"), type_="check")
        batch.drop_constraint(op.f("uq_subscription_agreement_line_id"), type_="unique")
        batch.drop_constraint(op.f("fk_subscription_agreement_line_id"), type_="foreignkey")
        batch.alter_column("order_line_id", existing_type=BIG, nullable=False)
        batch.alter_column("order_id", existing_type=BIG, nullable=False)
        batch.drop_column("agreement_line_id")

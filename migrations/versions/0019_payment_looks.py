"""Mails by what they are about and by their link, and transactions by the one they follow"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

LINKED = sa.text("link_public_id IS NOT NULL")
FOLLOWS = sa.text("parent_id IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_order_email_subject", "order_email", ["subject_kind", "subject_id"])
    op.create_index(
        "ix_order_email_link", "order_email", ["link_public_id"], sqlite_where=LINKED, postgresql_where=LINKED
    )
    op.create_index(
        "ix_transaction_parent_id", "transaction", ["parent_id"], sqlite_where=FOLLOWS, postgresql_where=FOLLOWS
    )


def downgrade() -> None:
    op.drop_index("ix_transaction_parent_id", "transaction")
    op.drop_index("ix_order_email_link", "order_email")
    op.drop_index("ix_order_email_subject", "order_email")

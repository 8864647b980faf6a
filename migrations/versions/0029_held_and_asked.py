"""What is held at a bank, and the periods that are being collected, are found without reading all of them"""

from alembic import op
from sqlalchemy import text

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

HELD = text("held_until IS NOT NULL")
ASKED = text("status = 'collecting'")


def upgrade() -> None:
    op.create_index("ix_attempt_held", "attempt", ["held_until"], sqlite_where=HELD, postgresql_where=HELD)
    op.create_index(
        "ix_scheduled_payment_collecting", "scheduled_payment", ["id"], sqlite_where=ASKED, postgresql_where=ASKED
    )


def downgrade() -> None:
    op.drop_index("ix_scheduled_payment_collecting", "scheduled_payment")
    op.drop_index("ix_attempt_held", "attempt")

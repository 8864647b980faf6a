"""what waits for payment operations, found without reading everything that does not"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

WAITING = {"order_email": ("failed", "status = 'failed'"), "post_processing": ("undone", "done_at IS NULL")}


def upgrade() -> None:
    for table, (name, condition) in WAITING.items():
        where = sa.text(condition)
        op.create_index(f"ix_{table}_{name}", table, ["id"], sqlite_where=where, postgresql_where=where)
    op.create_index("ix_processor_event_received_at", "processor_event", ["received_at"])


def downgrade() -> None:
    op.drop_index("ix_processor_event_received_at", "processor_event")
    for table, (name, _condition) in WAITING.items():
        op.drop_index(f"ix_{table}_{name}", table)

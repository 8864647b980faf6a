"""months of attempts, transactions and settlement lines, found without reading all of them"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INDEXES = {"attempt": "created_at", "transaction": "at", "settlement_line": "at"}


def upgrade() -> None:
    for table, column in INDEXES.items():
        op.create_index(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    for table, column in INDEXES.items():
        op.drop_index(f"ix_{table}_{column}", table)

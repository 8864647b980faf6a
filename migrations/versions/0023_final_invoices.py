"""Final invoices, and what of deposits they deduct"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

KINDS = ("full", "deposit", "final")


def upgrade() -> None:
    known = ", ".join(f"'{kind}'" for kind in KINDS)
    with op.batch_alter_table("invoice") as batch:
        batch.add_column(sa.Column("deductions", sa.JSON(), nullable=False, server_default="[]"))
        batch.drop_constraint("invoice_invoicekind", type_="check")
        batch.create_check_constraint("invoice_invoicekind", f"kind IN ({known})")
    with op.batch_alter_table("invoice") as batch:
        batch.alter_column("deductions", server_default=None)


def downgrade() -> None:
    raise NotImplementedError("issued invoices are evidence; restore a backup instead")

"""The company's logo, kept for the papers that were printed with it"""

import sqlalchemy as sa
from alembic import op

from app import append_only

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "logo",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("mimetype", sa.String(length=40), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_logo")),
    )
    append_only.install(op.get_bind(), ["logo"])
    with op.batch_alter_table("company") as batch:
        batch.drop_column("logo_svg")  # which nothing ever wrote
        batch.add_column(sa.Column("logo", sa.String(length=64), nullable=True))
        batch.create_foreign_key(op.f("fk_company_logo"), "logo", ["logo"], ["sha256"])


def downgrade() -> None:
    raise NotImplementedError("papers name the logo they were printed with; restore a backup instead")

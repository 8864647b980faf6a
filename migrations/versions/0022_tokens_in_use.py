"""A card saved again keeps its older token on the books until its gateway has forgotten it"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

IN_USE = sa.text("valid")


def upgrade() -> None:
    with op.batch_alter_table("token") as batch_op:
        batch_op.drop_constraint(op.f("uq_token_method_id_gateway_id"), type_="unique")
    op.create_index(
        "uq_token_in_use",
        "token",
        ["method_id", "gateway_id"],
        unique=True,
        sqlite_where=IN_USE,
        postgresql_where=IN_USE,
    )


def downgrade() -> None:
    raise NotImplementedError("tokens that a gateway still keeps would be forgotten; restore a backup instead")

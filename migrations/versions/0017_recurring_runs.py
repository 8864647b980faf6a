"""recurring runs, and which run took a scheduled payment"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
STATUS = sa.Enum(
    *("running", "stopped", "done"),
    name="recurring_run_runstatus",
    native_enum=False,
    create_constraint=True,
    length=40,
)


def upgrade() -> None:
    op.create_table(
        "recurring_run",
        sa.Column("id", BIG, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("status", STATUS, nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recurring_run")),
        sa.UniqueConstraint("day", name=op.f("uq_recurring_run_day")),
    )
    table, name = "scheduled_payment", "fk_scheduled_payment_run_id"
    if op.get_bind().dialect.name == "sqlite":  # takes the key with its column, and the table stays as it is
        op.execute(f"ALTER TABLE {table} ADD COLUMN run_id INTEGER CONSTRAINT {name} REFERENCES recurring_run (id)")
    else:
        op.add_column(table, sa.Column("run_id", BIG, nullable=True))
        op.create_foreign_key(op.f(name), table, "recurring_run", ["run_id"], ["id"])
    op.create_index(op.f("ix_scheduled_payment_run_id_id"), table, ["run_id", "id"])


def downgrade() -> None:
    raise NotImplementedError("runs are told of in history and audit; restore a backup instead")

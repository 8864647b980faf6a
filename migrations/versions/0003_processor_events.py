"""processor events"""

import sqlalchemy as sa
from alembic import op

from app import append_only

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "processor_event",
        sa.Column("id", BIG, nullable=False),
        sa.Column("gateway_id", BIG, nullable=False),
        sa.Column("event_id", sa.String(length=120), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=20), nullable=False),
        sa.Column("subject_id", sa.String(length=100), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("mode", sa.String(length=10), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_processor_event_gateway_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_processor_event")),
        sa.UniqueConstraint("gateway_id", "event_id", name=op.f("uq_processor_event_gateway_id_event_id")),
    )
    op.create_index("ix_processor_event_subject_id", "processor_event", ["gateway_id", "subject_id"])
    op.create_table(
        "notice_work",
        sa.Column("id", BIG, nullable=False),
        sa.Column("event_id", BIG, nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "received",
                "parked",
                "done",
                "ignored",
                "unmatched",
                "quarantined",
                "failed",
                name="notice_noticestatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["processor_event.id"], name=op.f("fk_notice_work_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_work")),
        sa.UniqueConstraint("event_id", name=op.f("uq_notice_work_event_id")),
    )
    op.create_index("ix_notice_work_status", "notice_work", ["status", "id"])
    op.create_table(
        "refused_notices",
        sa.Column("gateway_id", BIG, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_refused_notices_gateway_id")),
        sa.PrimaryKeyConstraint("gateway_id", "day", "code", name=op.f("pk_refused_notices")),
    )
    append_only.install(op.get_bind(), ["processor_event"])


def downgrade() -> None:
    for table in ("refused_notices", "notice_work", "processor_event"):
        op.drop_table(table)

"""Order Email Settings in editions, what the mail service reports, suppressed addresses; where accounts payable read"""

import sqlalchemy as sa
from alembic import op

from app import append_only

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
STATUS = ("queued", "sending", "sent", "delivered", "bounced", "complained", "failed")
SYMPTOMS = (
    "missing_context",
    "late_money",
    "link_failed",
    "retokenization",
    "attempt_unknown",
    "quarantined",
    "unmatched_event",
    "settlement_exception",
    "dispute_due",
    "invariant_broken",
    "overdrawn",
    "wrong_recipient",
)
AMISS = sa.text("status IN ('failed', 'bounced', 'complained')")
ON_ITS_WAY = sa.text("status IN ('queued', 'sending')")
IN_FORCE = sa.text("lifted_at IS NULL")


def upgrade() -> None:
    _mails()
    _editions()
    _reports()
    _suppressed()
    with op.batch_alter_table("account") as batch:
        batch.add_column(sa.Column("ap_email", sa.String(length=254), nullable=False, server_default=""))
    with op.batch_alter_table("account") as batch:
        batch.alter_column("ap_email", server_default=None)
    with op.batch_alter_table("escalation") as batch:
        batch.drop_constraint("escalation_symptom", type_="check")
        batch.create_check_constraint("escalation_symptom", f"symptom IN ({_quoted(SYMPTOMS)})")
    append_only.install(op.get_bind(), ["mail_edition", "mail_report"])


def _quoted(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _mails() -> None:
    with op.batch_alter_table("order_email") as batch:
        batch.add_column(sa.Column("carried", sa.JSON(), nullable=False, server_default="[]"))
        batch.add_column(sa.Column("edition", sa.Integer(), nullable=False, server_default="0"))
        batch.drop_constraint("mail_mailstatus", type_="check")
        batch.create_check_constraint("mail_mailstatus", f"status IN ({_quoted(STATUS)})")
    with op.batch_alter_table("order_email") as batch:
        batch.alter_column("carried", server_default=None)
        batch.alter_column("edition", server_default=None)
    op.drop_index("ix_order_email_failed", "order_email")
    op.create_index("ix_order_email_amiss", "order_email", ["id"], sqlite_where=AMISS, postgresql_where=AMISS)
    op.create_index(
        "ix_order_email_on_its_way", "order_email", ["id"], sqlite_where=ON_ITS_WAY, postgresql_where=ON_ITS_WAY
    )


def _editions() -> None:
    op.create_table(
        "mail_edition",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("sender", sa.String(length=320), nullable=False),
        sa.Column("reply_to", sa.String(length=320), nullable=False),
        sa.Column("rule", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("made_by_id", BIG, nullable=False),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["made_by_id"], ["user.id"], name=op.f("fk_mail_edition_made_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_edition")),
        sa.UniqueConstraint("kind", "edition", name=op.f("uq_mail_edition_kind_edition")),
    )


def _reports() -> None:
    op.create_table(
        "mail_report",
        sa.Column("id", BIG, nullable=False),
        sa.Column("reference", sa.String(length=100), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("email_id", BIG, nullable=True),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("words", sa.String(length=500), nullable=False),
        sa.Column("permanent", sa.Boolean(), nullable=False),
        sa.Column("told_at", INSTANT, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["email_id"], ["order_email.id"], name=op.f("fk_mail_report_email_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_report")),
        sa.UniqueConstraint("reference", name=op.f("uq_mail_report_reference")),
    )
    op.create_index(op.f("ix_mail_report_email_id"), "mail_report", ["email_id"])


def _suppressed() -> None:
    op.create_table(
        "suppressed_address",
        sa.Column("id", BIG, nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("words", sa.String(length=500), nullable=False),
        sa.Column("email_id", BIG, nullable=True),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("lifted_at", INSTANT, nullable=True),
        sa.Column("lifted_by", sa.String(length=200), nullable=False),
        sa.Column("lifted_because", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["email_id"], ["order_email.id"], name=op.f("fk_suppressed_address_email_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressed_address")),
    )
    op.create_index(
        "uq_suppressed_address_in_force",
        "suppressed_address",
        ["address"],
        unique=True,
        sqlite_where=IN_FORCE,
        postgresql_where=IN_FORCE,
    )


def downgrade() -> None:
    raise NotImplementedError("what was sent, and by which words, is evidence; restore a backup instead")

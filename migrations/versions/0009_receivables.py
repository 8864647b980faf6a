"""money that came by cheque, wire or cash, allocations by hand, credit notes and what is written off"""

import sqlalchemy as sa
from alembic import op

from app import append_only

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
INVOICE = ("draft", "issued", "part_paid", "paid", "credited", "written_off")
RECEIPT = ("gateway", "cheque", "wire", "cash")
REASONS = ("price", "return", "cancellation", "duplicate", "other")
GUARDED = ["allocation", "credit_note", "credit_note_line", "receipt", "write_off"]

# Money that left names the receipt of the money that came: the capture's for a refund and for a refund that came back,
# the payment order's first one for what a dispute took.
PARENTS = """
UPDATE receipt SET parent_id = COALESCE(
    (SELECT root.id FROM "transaction" t
        LEFT JOIN "transaction" refund ON refund.id = t.parent_id AND t.action = 'refund_failure'
        JOIN receipt root ON root.transaction_id = COALESCE(refund.parent_id, t.parent_id)
        WHERE t.id = receipt.transaction_id AND t.action IN ('refund', 'refund_failure')),
    (SELECT MIN(root.id) FROM receipt root JOIN "transaction" t ON t.id = root.transaction_id
        WHERE root.payment_order_id = receipt.payment_order_id AND t.action IN ('charge', 'capture')))
WHERE amount < 0 OR transaction_id IN (SELECT id FROM "transaction" WHERE action = 'refund_failure')
"""


def words(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def foreign(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    _unguard("receipt")
    _receipts()
    op.execute(PARENTS)
    _allocations()
    _invoices()
    _post_processing()
    _credit_notes()
    _write_offs()
    append_only.install(op.get_bind(), GUARDED)


def _unguard(table: str) -> None:
    """SQLite makes the table anew, which drops its triggers; PostgreSQL keeps them, and they would refuse PARENTS."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP TRIGGER append_only_{table}_row ON {table}")


def _receipts() -> None:
    with op.batch_alter_table("receipt") as batch:
        batch.add_column(
            sa.Column("kind", words("invoice_receiptkind", *RECEIPT), nullable=False, server_default="gateway")
        )
        batch.add_column(sa.Column("invoice_id", BIG, nullable=True))
        batch.add_column(sa.Column("parent_id", BIG, nullable=True))
        batch.add_column(sa.Column("reversal", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.add_column(sa.Column("reference", sa.String(length=100), nullable=False, server_default=""))
        batch.add_column(sa.Column("received_on", sa.Date(), nullable=True))
        batch.add_column(sa.Column("note", sa.String(length=500), nullable=False, server_default=""))
        batch.add_column(sa.Column("recorded_by_id", BIG, nullable=True))
        for column, target in (("invoice_id", "invoice"), ("parent_id", "receipt"), ("recorded_by_id", "user")):
            batch.create_foreign_key(op.f(f"fk_receipt_{column}"), target, [column], ["id"])
        batch.create_check_constraint(
            op.f("ck_receipt_offline_without_transaction"), "kind = 'gateway' OR transaction_id IS NULL"
        )
        batch.create_check_constraint(
            op.f("ck_receipt_offline_has_its_day"), "kind = 'gateway' OR received_on IS NOT NULL"
        )
        batch.create_check_constraint(
            op.f("ck_receipt_reversal_takes_back"), "NOT reversal OR (amount < 0 AND kind <> 'gateway')"
        )
    op.create_index("ix_receipt_parent_id", "receipt", ["parent_id"])
    only = sa.text("reversal")
    op.create_index(
        "uq_receipt_reversal", "receipt", ["parent_id"], unique=True, sqlite_where=only, postgresql_where=only
    )


def _allocations() -> None:
    with op.batch_alter_table("allocation") as batch:
        batch.drop_constraint(op.f("uq_allocation_receipt_id_invoice_id"), type_="unique")
        batch.create_check_constraint(op.f("ck_allocation_amount_not_zero"), "amount <> 0")


def _invoices() -> None:
    known = ", ".join(f"'{status}'" for status in INVOICE)
    with op.batch_alter_table("invoice") as batch:
        batch.drop_constraint("invoice_invoicestatus", type_="check")
        batch.create_check_constraint("invoice_invoicestatus", f"status IN ({known})")


def _post_processing() -> None:
    with op.batch_alter_table("post_processing") as batch:
        batch.add_column(sa.Column("receipt_id", BIG, nullable=True))
        batch.alter_column("transaction_id", existing_type=BIG, nullable=True)
        batch.create_foreign_key(op.f("fk_post_processing_receipt_id"), "receipt", ["receipt_id"], ["id"])
        batch.create_unique_constraint(op.f("uq_post_processing_receipt_id"), ["receipt_id"])
        batch.create_check_constraint(
            op.f("ck_post_processing_follows_one"), "(transaction_id IS NULL) <> (receipt_id IS NULL)"
        )


def _credit_notes() -> None:
    op.create_table(
        "credit_note",
        sa.Column("id", BIG, nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("invoice_id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=True),
        sa.Column("reason", words("credit_note_creditreason", *REASONS), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("net", BIG, nullable=False),
        sa.Column("tax", BIG, nullable=False),
        sa.Column("gross", BIG, nullable=False),
        sa.Column("received", BIG, nullable=False),
        sa.Column("rounding_rule", sa.String(length=20), nullable=False),
        sa.Column("prices_include_tax", sa.Boolean(), nullable=False),
        sa.Column("tax_by_rate", sa.JSON(), nullable=False),
        sa.Column("billing", sa.JSON(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("issued_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("gross = net + tax", name=op.f("ck_credit_note_adds_up")),
        sa.CheckConstraint("gross > 0", name=op.f("ck_credit_note_gross_positive")),
        foreign("credit_note", "invoice_id", "invoice"),
        foreign("credit_note", "account_id", "account"),
        foreign("credit_note", "order_id", "sales_order"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_note")),
        sa.UniqueConstraint("number", name=op.f("uq_credit_note_number")),
    )
    op.create_table(
        "credit_note_line",
        sa.Column("id", BIG, nullable=False),
        sa.Column("credit_note_id", BIG, nullable=False),
        sa.Column("invoice_line_id", BIG, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sku", sa.String(length=60), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("tax_rate", sa.BigInteger(), nullable=False),
        sa.Column("amount", BIG, nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_credit_note_line_amount_positive")),
        foreign("credit_note_line", "credit_note_id", "credit_note"),
        foreign("credit_note_line", "invoice_line_id", "invoice_line"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_note_line")),
        sa.UniqueConstraint("credit_note_id", "position", name=op.f("uq_credit_note_line_credit_note_id_position")),
    )
    for table, columns in (
        ("credit_note", ("invoice_id", "account_id")),
        ("credit_note_line", ("credit_note_id", "invoice_line_id")),
    ):
        for column in columns:
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def _write_offs() -> None:
    op.create_table(
        "write_off",
        sa.Column("id", BIG, nullable=False),
        sa.Column("invoice_id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("amount", BIG, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("written_off_by", sa.String(length=200), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_write_off_amount_positive")),
        foreign("write_off", "invoice_id", "invoice"),
        foreign("write_off", "account_id", "account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_write_off")),
    )
    for column in ("invoice_id", "account_id"):
        op.create_index(op.f(f"ix_write_off_{column}"), "write_off", [column])


def downgrade() -> None:
    raise NotImplementedError("receipts and credit notes are evidence; restore a backup instead")

"""Who may do what: permissions declared once, roles that grant them, and the mark every endpoint carries."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any, TypeVar

from flask_babel import gettext
from flask_login import current_user

from . import settings
from .errors import Refusal
from .language import marked
from .models.people import User
from .roles import ROLE_NAMES as ROLE_NAMES
from .roles import Role as Role


class Permission(StrEnum):
    QUOTE_VIEW = "quote.view"
    QUOTE_EDIT = "quote.edit"
    QUOTE_APPROVE = "quote.approve"
    QUOTE_CONVERT = "quote.convert"
    ORDER_VIEW = "order.view"
    ORDER_EDIT = "order.edit"
    ORDER_SUBMIT = "order.submit_for_approval"
    ORDER_BOOK = "order.book"
    ORDER_CANCEL = "order.cancel"
    ORDER_TERMINATE = "order.terminate"
    ORDER_NOTE = "order.note"
    ACCOUNT_VIEW = "account.view"
    ACCOUNT_EDIT = "account.edit"
    AGREEMENT_VIEW = "agreement.view"
    AGREEMENT_MANAGE = "agreement.manage"
    RUN_OPERATE = "recurring_run.operate"
    INVOICE_VIEW = "invoice.view"
    INVOICE_ISSUE = "invoice.issue"
    INVOICE_SEND = "invoice.send"
    INVOICE_REMIND = "invoice.remind"
    PAYMENT_VIEW = "payment.view"
    PAYMENT_COLLECT = "payment.collect"
    PAYMENT_ORDER_CREATE = "payment_order.create"
    PAYMENT_LINK_SEND = "payment_link.send"
    PAYMENT_ASK_GATEWAY = "payment.ask_gateway"
    PAYMENT_OPERATE = "payment.operate"
    PAYMENT_CAPTURE = "payment.capture"
    PAYMENT_VOID = "payment.void"
    PAYMENT_REFUND = "payment.refund"
    REFUND_APPROVE = "refund.approve"
    RECEIPT_RECORD = "receipt.record_offline"
    RECEIPT_ALLOCATE = "receipt.allocate"
    RECEIVABLES_REPAIR = "receivables.repair"
    CREDIT_NOTE_ISSUE = "credit_note.issue"
    INVOICE_WRITE_OFF = "invoice.write_off"
    RECEIVABLES_VIEW = "receivables.view"
    DISPUTE_RECORD = "dispute.record"
    SETTLEMENT_VIEW = "settlement.view"
    SETTLEMENT_SYNC = "settlement.sync"
    REPORT_VIEW = "report.view"
    METHOD_VIEW = "method.view"
    SANDBOX_OPERATE = "sandbox.operate"
    METHOD_ADD = "method.add"
    METHOD_DETACH = "method.detach"
    GATEWAY_MANAGE = "gateway.manage"
    EVENT_VIEW = "event.view"
    EVENT_REPLAY = "event.replay"
    BILLING_HOLD = "billing.hold"
    MAIL_RESEND = "mail.resend"
    MAIL_OPERATE = "mail.operate"
    MAIL_LIFT = "mail.lift_suppression"
    EMAIL_SETTINGS_EDIT = "email_settings.edit"
    ESCALATION_VIEW = "escalation.view"
    ESCALATION_RESOLVE = "escalation.resolve"
    SETTINGS_EDIT = "settings.edit"
    USER_MANAGE = "user.manage"
    AUDIT_VIEW = "audit.view"


P = Permission

SENTENCES: dict[Permission, str] = {
    P.QUOTE_VIEW: marked("see quotes"),
    P.QUOTE_EDIT: marked("write and revise quotes"),
    P.QUOTE_APPROVE: marked("approve quotes that somebody else submitted"),
    P.QUOTE_CONVERT: marked("convert an approved quote into an order"),
    P.ORDER_VIEW: marked("see sales orders"),
    P.ORDER_EDIT: marked("edit draft orders"),
    P.ORDER_SUBMIT: marked("send an order to the customer for approval"),
    P.ORDER_BOOK: marked("book an order on terms"),
    P.ORDER_CANCEL: marked("cancel an order"),
    P.ORDER_TERMINATE: marked("terminate an active order, which credits what was not delivered"),
    P.ORDER_NOTE: marked("add notes and files to an order"),
    P.ACCOUNT_VIEW: marked("see accounts and contacts"),
    P.ACCOUNT_EDIT: marked("edit accounts and contacts"),
    P.AGREEMENT_VIEW: marked("see payment agreements"),
    P.AGREEMENT_MANAGE: marked("make, change, pause and cancel payment agreements"),
    P.RUN_OPERATE: marked("see the recurring runs, stop and resume them"),
    P.INVOICE_VIEW: marked("see invoices"),
    P.INVOICE_ISSUE: marked("issue the invoice of an order on terms"),
    P.INVOICE_SEND: marked("send invoices by mail"),
    P.INVOICE_REMIND: marked("send a reminder of an invoice, and stop its reminders"),
    P.PAYMENT_VIEW: marked("see payments"),
    P.PAYMENT_COLLECT: marked("collect a payment from the order page"),
    P.PAYMENT_ORDER_CREATE: marked("create payment orders"),
    P.PAYMENT_LINK_SEND: marked("send payment links"),
    P.PAYMENT_ASK_GATEWAY: marked("ask the gateway about an unclear payment"),
    P.PAYMENT_OPERATE: marked("see what waits for payment operations and have it tried again"),
    P.PAYMENT_CAPTURE: marked("capture an authorized payment"),
    P.PAYMENT_VOID: marked("void an authorization"),
    P.PAYMENT_REFUND: marked("refund a payment"),
    P.REFUND_APPROVE: marked("approve a refund that somebody else asked for"),
    P.RECEIPT_RECORD: marked("record money that came by cheque, wire or cash"),
    P.RECEIPT_ALLOCATE: marked("apply and move receipts"),
    P.RECEIVABLES_REPAIR: marked("repair what should have followed a payment"),
    P.CREDIT_NOTE_ISSUE: marked("issue credit notes"),
    P.INVOICE_WRITE_OFF: marked("write invoices off"),
    P.RECEIVABLES_VIEW: marked("see receivables and statements of account"),
    P.DISPUTE_RECORD: marked("record and answer disputes"),
    P.SETTLEMENT_VIEW: marked("see settlements"),
    P.SETTLEMENT_SYNC: marked("sync settlements and clear their exceptions"),
    P.REPORT_VIEW: marked("see reports"),
    P.METHOD_VIEW: marked("see saved payment methods"),
    P.SANDBOX_OPERATE: marked("make the sandbox gateway decline, fail and send its events on purpose"),
    P.METHOD_ADD: marked("ask a customer for a payment method"),
    P.METHOD_DETACH: marked("take a saved payment method off file"),
    P.GATEWAY_MANAGE: marked("manage gateways and routes"),
    P.EVENT_VIEW: marked("see processor events"),
    P.EVENT_REPLAY: marked("replay processor events"),
    P.BILLING_HOLD: marked("set and release billing holds"),
    P.MAIL_RESEND: marked("send a mail again"),
    P.MAIL_OPERATE: marked("see mails that did not arrive and the addresses that nothing is sent to"),
    P.MAIL_LIFT: marked("have mail sent to a suppressed address again"),
    P.EMAIL_SETTINGS_EDIT: marked("edit Order Email Settings: who gets each mail, and its words"),
    P.ESCALATION_VIEW: marked("see escalations"),
    P.ESCALATION_RESOLVE: marked("take up and resolve escalations"),
    P.SETTINGS_EDIT: marked("change settings and salespeople's permissions"),
    P.USER_MANAGE: marked("manage people and what they may do"),
    P.AUDIT_VIEW: marked("read the audit trail"),
}


SEE = frozenset(
    {P.QUOTE_VIEW, P.ORDER_VIEW, P.ACCOUNT_VIEW, P.AGREEMENT_VIEW, P.INVOICE_VIEW, P.PAYMENT_VIEW, P.METHOD_VIEW}
)
SELL = SEE | {
    P.QUOTE_EDIT,
    P.QUOTE_CONVERT,
    P.ORDER_EDIT,
    P.ORDER_SUBMIT,
    P.ORDER_CANCEL,
    P.ORDER_NOTE,
    P.ACCOUNT_EDIT,
    P.INVOICE_SEND,
    P.PAYMENT_COLLECT,
    P.PAYMENT_ORDER_CREATE,
    P.PAYMENT_LINK_SEND,
    P.METHOD_ADD,
    P.MAIL_RESEND,
}
ESCALATIONS = frozenset({P.ESCALATION_VIEW, P.ESCALATION_RESOLVE})
MONEY = frozenset({P.PAYMENT_REFUND, P.DISPUTE_RECORD, P.SETTLEMENT_VIEW, P.REPORT_VIEW, P.PAYMENT_ASK_GATEWAY})
OPERATE = (
    MONEY
    | ESCALATIONS
    | {P.RECEIVABLES_VIEW, P.PAYMENT_OPERATE, P.PAYMENT_CAPTURE, P.PAYMENT_VOID, P.EVENT_VIEW, P.EVENT_REPLAY}
    | {P.SANDBOX_OPERATE}
)

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.SALESPERSON: frozenset(SELL),
    Role.SALES_MANAGER: frozenset(
        SELL
        | ESCALATIONS
        | {P.QUOTE_APPROVE, P.ORDER_BOOK, P.ORDER_TERMINATE, P.AGREEMENT_MANAGE, P.INVOICE_REMIND, P.REPORT_VIEW}
    ),
    Role.ORDER_MANAGEMENT: frozenset(SEE | {P.ORDER_EDIT, P.ORDER_BOOK, P.ORDER_CANCEL, P.ORDER_NOTE, P.MAIL_RESEND}),
    Role.REVENUE_OPERATIONS: frozenset(SEE | {P.ORDER_NOTE}),
    Role.BILLING: frozenset(
        SEE
        | {
            P.ORDER_NOTE,
            P.ORDER_TERMINATE,
            P.ACCOUNT_EDIT,
            P.AGREEMENT_MANAGE,
            P.RUN_OPERATE,
            P.INVOICE_ISSUE,
            P.INVOICE_SEND,
            P.INVOICE_REMIND,
            P.BILLING_HOLD,
            P.CREDIT_NOTE_ISSUE,
            P.RECEIVABLES_VIEW,
            P.REPORT_VIEW,
            P.MAIL_RESEND,
        }
    ),
    Role.AR: frozenset(
        SEE
        | MONEY
        | ESCALATIONS
        | {
            P.ORDER_TERMINATE,
            P.AGREEMENT_MANAGE,
            P.RUN_OPERATE,
            P.REFUND_APPROVE,
            P.RECEIPT_RECORD,
            P.RECEIPT_ALLOCATE,
            P.RECEIVABLES_REPAIR,
            P.CREDIT_NOTE_ISSUE,
            P.INVOICE_WRITE_OFF,
            P.RECEIVABLES_VIEW,
            P.SETTLEMENT_SYNC,
            P.METHOD_ADD,
            P.ORDER_NOTE,
            P.INVOICE_ISSUE,
            P.INVOICE_SEND,
            P.INVOICE_REMIND,
            P.BILLING_HOLD,
            P.PAYMENT_ORDER_CREATE,
            P.PAYMENT_LINK_SEND,
            P.PAYMENT_COLLECT,
            P.MAIL_RESEND,
            P.MAIL_OPERATE,
            P.MAIL_LIFT,
        }
    ),
    Role.CUSTOMER_OPERATIONS: frozenset(SEE | {P.ORDER_NOTE}),
    Role.PAYMENT_OPERATIONS: frozenset(
        SEE
        | OPERATE
        | {
            P.ORDER_NOTE,
            P.PAYMENT_LINK_SEND,
            P.METHOD_ADD,
            P.RECEIVABLES_REPAIR,
            P.SETTLEMENT_SYNC,
            P.MAIL_RESEND,
            P.MAIL_OPERATE,
        }
    ),
    Role.PAYMENT_ADMIN: frozenset(
        SEE | OPERATE | {P.ORDER_NOTE, P.REFUND_APPROVE, P.METHOD_ADD, P.METHOD_DETACH, P.GATEWAY_MANAGE, P.AUDIT_VIEW}
    ),
    Role.FULFILLMENT_OPERATIONS: frozenset({P.ORDER_VIEW, P.ORDER_NOTE}),
    Role.ADMIN: frozenset(Permission),
    Role.READ_ONLY: SEE | {P.REPORT_VIEW, P.RECEIVABLES_VIEW},
}


def granted(user: User) -> set[Permission]:
    """What `user` holds by roles and single grants, before any switch."""
    by_role = {p for role in user.roles for p in GRANTS[Role(role)]}
    return by_role | {Permission(g) for g in user.grants}


def _only_as_salesperson(user: User, permission: Permission) -> bool:
    """The switches bind salespeople: whoever holds the permission in another way too is not bound."""
    if Role.SALESPERSON not in user.roles or permission in user.grants:
        return False
    return all(permission not in GRANTS[Role(r)] for r in user.roles if r != Role.SALESPERSON)


def salespeople_may_submit(*, fresh: bool = False) -> bool:
    return bool((settings.fresh if fresh else settings.get)(settings.SALESPEOPLE_SUBMIT))


def salespeople_may_take_payment(*, fresh: bool = False) -> bool:
    """The second switch. It is turned on only while the first is on; but what is with customers already follows it
    alone, because the first one stops nothing but new submissions."""
    return bool((settings.fresh if fresh else settings.get)(settings.SALESPEOPLE_PAYMENT))


def is_salesperson_only(user: User, permission: Permission) -> bool:
    return permission in granted(user) and _only_as_salesperson(user, permission)


def who_can(permission: Permission) -> str:
    """The roles that may, in words, for the end of a refusal."""
    roles = [role for role in Role if permission in GRANTS[role] and role is not Role.ADMIN]
    names = [gettext(ROLE_NAMES[role]) for role in roles]
    if not names:
        return gettext("Ask an admin.")
    return gettext("Ask someone with the role %(roles)s or admin.", roles=", ".join(names))


def why_not(user: User, permission: Permission, *, fresh: bool = False) -> Refusal | None:
    """None if `user` may; otherwise the refusal with its reason and who can help."""
    if permission not in granted(user):
        return Refusal(
            "not_permitted",
            "Your role does not let you %(act)s.",
            who_can(permission),
            status=403,
            act=gettext(SENTENCES[permission]),
        )
    if (
        permission is P.ORDER_SUBMIT
        and _only_as_salesperson(user, permission)
        and not salespeople_may_submit(fresh=fresh)
    ):
        return Refusal(
            "switched_off",
            "Salespeople may not send orders for approval at the moment.",
            "A sales manager can send it; an admin can allow it for salespeople again.",
            status=403,
        )
    if (
        permission is P.PAYMENT_COLLECT
        and _only_as_salesperson(user, permission)
        and not salespeople_may_take_payment(fresh=fresh)
    ):
        return Refusal(
            "switched_off",
            "Salespeople may not take payments at the moment.",
            "AR or a sales manager can collect; an admin can allow it for salespeople again.",
            status=403,
        )
    return None


def can(permission: Permission | str, user: User | None = None) -> bool:
    person = user or current_user
    return person.is_authenticated and why_not(person, Permission(permission)) is None


def demand(user: User, permission: Permission) -> None:
    """For commands: raises the Refusal, by settings as committed now."""
    refusal = why_not(user, permission, fresh=True)
    if refusal is not None:
        raise refusal


View = TypeVar("View", bound=Callable[..., Any])


def me() -> User:
    """The signed-in person themself, for commands: `current_user` is only a stand-in that follows the request."""
    person: User = current_user._get_current_object()
    return person


def requires(permission: Permission, *others: Permission) -> Callable[[View], View]:
    """The endpoint is for signed-in staff who hold `permission`, or one of `others`.

    House rules check that every endpoint says so.
    """

    def mark(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not current_user.is_authenticated:
                from .extensions import login

                return login.unauthorized()
            refusal = why_not(current_user, permission)
            if refusal is not None and not any(can(other) for other in others):
                raise refusal
            return view(*args, **kwargs)

        guarded.access = permission  # type: ignore[attr-defined]
        guarded.permissions = (permission, *others)  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value]

    return mark


def signed_in(view: View) -> View:
    """The endpoint is for every signed-in member of staff."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not current_user.is_authenticated:
            from .extensions import login

            return login.unauthorized()
        return view(*args, **kwargs)

    guarded.access = "signed-in"  # type: ignore[attr-defined]
    return guarded  # type: ignore[return-value]


def public(view: View) -> View:
    """The endpoint is for anybody; what it shows hangs on a token or on nothing."""
    view.access = "public"  # type: ignore[attr-defined]
    return view

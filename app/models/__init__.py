"""Nouns: facts, derived figures and relations, one aggregate a file. Writers live in `commands`."""

from .account import Account, Address, Contact, Opportunity, OpportunityStage, TaxStatus
from .agreement import AgreementLine, AgreementVersion, Missed, PaymentAgreement, Proration, ScheduledPayment
from .approval import Approval, Signature, Snapshot
from .catalog import Frequency, Product, Routing, TaxCode, TaxRate
from .company import Audit, Company, Counter, Logo, Setting, TermsText
from .credit_note import CreditNote, CreditNoteLine, CreditReason, WriteOff
from .dispute import Dispute, DisputeEntry, DisputeEntryKind
from .document import Document
from .dunning import CardNotice, DunningCase, DunningPolicy, DunningPolicyVersion, DunningStep
from .escalation import Escalation, Symptom, Team
from .evidence_pack import EvidencePack
from .invoice import OFFLINE, Allocation, Invoice, InvoiceKind, InvoiceLine, Receipt, ReceiptKind
from .job import FormKey, StagedJob, Tick
from .machine import SYSTEM, Actor, ActorKind, History
from .mail import MailboxMessage, MailEdition, MailReport, OrderEmail, SuppressedAddress
from .method import Gateway, GatewayState, OrderKind, PaymentMethod, PaymentProfile, Route, Token
from .method_request import MethodRequest, MethodSetup
from .movement import Movement
from .notice import NoticeWork, ProcessorEvent, RefusedNotices
from .order import Note, OrderFile, OrderLine, SalesOrder
from .pay_out import PayOut
from .payment import (
    Attempt,
    IntentPurpose,
    PaymentIntent,
    PaymentOrder,
    PaymentOrderLine,
    PostProcessing,
    Transaction,
    TransactionAction,
)
from .people import User
from .quote import CollectionMethod, Due, Instalment, Quote, QuoteLine, Renewal
from .recurring_run import RecurringRun
from .reminder import InvoiceReminder, ReminderStop
from .route_migration import Fate, MigratedMethod, RouteMigration
from .settlement import (
    BatchState,
    ExceptionKind,
    LineKind,
    SettlementBatch,
    SettlementException,
    SettlementLine,
    SettlementMatch,
    SettlementSync,
)
from .subscription import Subscription

__all__ = [
    "OFFLINE",
    "SYSTEM",
    "Account",
    "Actor",
    "ActorKind",
    "Address",
    "AgreementLine",
    "AgreementVersion",
    "Allocation",
    "Approval",
    "Attempt",
    "Audit",
    "BatchState",
    "CardNotice",
    "CollectionMethod",
    "Company",
    "Contact",
    "Counter",
    "CreditNote",
    "CreditNoteLine",
    "CreditReason",
    "Dispute",
    "DisputeEntry",
    "DisputeEntryKind",
    "Document",
    "Due",
    "DunningCase",
    "DunningPolicy",
    "DunningPolicyVersion",
    "DunningStep",
    "Escalation",
    "EvidencePack",
    "ExceptionKind",
    "Fate",
    "FormKey",
    "Frequency",
    "Gateway",
    "GatewayState",
    "History",
    "Instalment",
    "IntentPurpose",
    "Invoice",
    "InvoiceKind",
    "InvoiceLine",
    "InvoiceReminder",
    "LineKind",
    "Logo",
    "MailEdition",
    "MailReport",
    "MailboxMessage",
    "MethodRequest",
    "MethodSetup",
    "MigratedMethod",
    "Missed",
    "Movement",
    "Note",
    "NoticeWork",
    "Opportunity",
    "OpportunityStage",
    "OrderEmail",
    "OrderFile",
    "OrderKind",
    "OrderLine",
    "PayOut",
    "PaymentAgreement",
    "PaymentIntent",
    "PaymentMethod",
    "PaymentOrder",
    "PaymentOrderLine",
    "PaymentProfile",
    "PostProcessing",
    "ProcessorEvent",
    "Product",
    "Proration",
    "Quote",
    "QuoteLine",
    "Receipt",
    "ReceiptKind",
    "RecurringRun",
    "RefusedNotices",
    "ReminderStop",
    "Renewal",
    "Route",
    "RouteMigration",
    "Routing",
    "SalesOrder",
    "ScheduledPayment",
    "Setting",
    "SettlementBatch",
    "SettlementException",
    "SettlementLine",
    "SettlementMatch",
    "SettlementSync",
    "Signature",
    "Snapshot",
    "StagedJob",
    "Subscription",
    "SuppressedAddress",
    "Symptom",
    "TaxCode",
    "TaxRate",
    "TaxStatus",
    "Team",
    "TermsText",
    "Tick",
    "Token",
    "Transaction",
    "TransactionAction",
    "User",
    "WriteOff",
]

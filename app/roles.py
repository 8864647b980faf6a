"""What people are in the company, and what each role is called."""

from __future__ import annotations

from enum import StrEnum

from .language import marked


class Role(StrEnum):
    SALESPERSON = "salesperson"
    SALES_MANAGER = "sales_manager"
    ORDER_MANAGEMENT = "order_management"
    REVENUE_OPERATIONS = "revenue_operations"
    BILLING = "billing"
    AR = "ar"
    CUSTOMER_OPERATIONS = "customer_operations"
    PAYMENT_OPERATIONS = "payment_operations"
    PAYMENT_ADMIN = "payment_admin"
    FULFILLMENT_OPERATIONS = "fulfillment_operations"
    ADMIN = "admin"
    READ_ONLY = "read_only"


ROLE_NAMES: dict[Role, str] = {
    Role.SALESPERSON: marked("salesperson"),
    Role.SALES_MANAGER: marked("sales manager"),
    Role.ORDER_MANAGEMENT: marked("order management"),
    Role.REVENUE_OPERATIONS: marked("revenue operations"),
    Role.BILLING: marked("billing"),
    Role.AR: marked("AR / finance"),
    Role.CUSTOMER_OPERATIONS: marked("customer operations"),
    Role.PAYMENT_OPERATIONS: marked("payment operations"),
    Role.PAYMENT_ADMIN: marked("payment admin"),
    Role.FULFILLMENT_OPERATIONS: marked("fulfillment operations"),
    Role.ADMIN: marked("admin"),
    Role.READ_ONLY: marked("read only"),
}

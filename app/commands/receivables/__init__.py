"""Invoices, and the receipts that pay them."""

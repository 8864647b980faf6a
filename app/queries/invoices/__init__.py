"""Invoices as a list and as a page; salespeople see those of the orders and agreements they see."""

"""Collecting: payment orders and links, charges and what becomes of them, reversals, disputes, processor events."""

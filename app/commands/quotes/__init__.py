"""Quotes: written, checked, approved, imported, converted and synced."""

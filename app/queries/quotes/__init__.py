"""Reads for the quote pages."""

"""Payouts, and what of ours they settle."""

"""The way of money from a quote's line to a payout's, from whichever record somebody starts."""

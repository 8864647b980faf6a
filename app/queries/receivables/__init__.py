"""Money that came in, and how far the receivables followed it."""

"""Reads for agreements: whether one is live, the list, the page, what the order page shows of them."""

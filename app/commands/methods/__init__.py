"""Saved cards: asked for, kept, taken off file; the customer at a gateway."""

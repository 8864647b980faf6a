"""Dunning: policies, the stories of declined periods, their steps, and notices of cards that expire."""

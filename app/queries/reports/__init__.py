"""Figures over months, for the reports: each in one currency at a time, each from evidence alone."""

"""Gateways and the routes to them: managed, watched, migrated."""

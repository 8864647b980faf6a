"""State machines as data: one file a machine, each with its statuses, its events and the table of edges.

Nothing here knows of databases, people or requests. A pair that is not in a table is an illegal move.
"""

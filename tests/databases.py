"""Databases of a PostgreSQL server, each as good as new: what a test has filled is emptied and lent again, as making
another takes ten times as long; what a test has altered is thrown away."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.engines import Postgres

# In a schema of its own: how the database was when it was new, whether a statement has altered it since, and the way
# back. Its rows go and come without foreign keys and triggers, which evidence has against being deleted.
KEEP = """
CREATE SCHEMA kept;
CREATE TABLE kept.sequences AS SELECT schemaname, sequencename, start_value, last_value FROM pg_sequences;
DO $$ DECLARE name text; filled boolean; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO filled;
        IF filled THEN EXECUTE format('CREATE TABLE kept.%I AS TABLE public.%I', 'rows of ' || name, name); END IF;
    END LOOP;
END $$;
CREATE FUNCTION kept.restore() RETURNS void LANGUAGE plpgsql SET session_replication_role = replica AS $$
DECLARE name text; BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
            AND pg_relation_size(oid) > 0 LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
    FOR name IN SELECT substr(tablename, 9) FROM pg_tables WHERE schemaname = 'kept' AND tablename LIKE 'rows of %' LOOP
        EXECUTE format('INSERT INTO %I OVERRIDING SYSTEM VALUE TABLE kept.%I', name, 'rows of ' || name);
    END LOOP;
    PERFORM setval(format('%I', kept.sequencename), coalesce(kept.last_value, kept.start_value),
            kept.last_value IS NOT NULL)
        FROM kept.sequences kept JOIN pg_sequences USING (schemaname, sequencename)
        WHERE pg_sequences.last_value IS DISTINCT FROM kept.last_value;
END $$;
CREATE TABLE kept.alterations (tag text);
CREATE FUNCTION kept.note() RETURNS event_trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO kept.alterations VALUES (tg_tag); END $$;
CREATE EVENT TRIGGER alterations ON ddl_command_end EXECUTE FUNCTION kept.note();
"""
END_OTHERS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@dataclass
class Lender:
    """Of one process of the run; `template` is copied for the first of them."""

    server: Postgres
    template: str = "template"
    free: list[str] = field(default_factory=list)

    def lend(self) -> str:
        return self.free.pop() if self.free else self._make()

    def _make(self) -> str:
        name = f"test_{os.getpid()}_{time.monotonic_ns()}"
        self.server.execute(f"CREATE DATABASE {name} TEMPLATE {self.template}")
        with self.server.connect(name) as connection:
            connection.execute(KEEP)
        return name

    def take_back(self, name: str) -> None:
        if self._restored(name):
            self.free.append(name)
        else:
            self.server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _restored(self, name: str) -> bool:
        """Whether it is as good as new again."""
        with self.server.connect(name) as connection:
            connection.execute(END_OTHERS)
            if connection.execute("SELECT FROM kept.alterations").rowcount:
                return False
            connection.execute("SELECT kept.restore()")
        return True

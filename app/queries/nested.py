"""A few rows of a child table as one JSON value in their parent's statement, in either database's own functions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class json_rows(FunctionElement[list[dict[str, Any]]]):
    """`json_rows(amount=T.amount, due=T.due)`: a list with one object a row, unordered; empty, never null.

    Values come as the database keeps them: dates as ISO text, scaled decimals as integers, enums as their value.
    """

    name = "json_rows"
    type = JSON()
    inherit_cache = True

    def __init__(self, **columns: Any) -> None:
        from sqlalchemy import literal_column

        pairs: list[ColumnElement[Any]] = []
        for key, column in columns.items():
            pairs += [literal_column(f"'{key}'"), column]
        super().__init__(*pairs)


@compiles(json_rows)
def _sqlite(element: json_rows, compiler: Any, **kw: Any) -> str:
    return f"json_group_array(json_object({compiler.process(element.clauses, **kw)}))"


@compiles(json_rows, "postgresql")
def _postgresql(element: json_rows, compiler: Any, **kw: Any) -> str:
    return f"coalesce(json_agg(json_build_object({compiler.process(element.clauses, **kw)})), '[]'::json)"

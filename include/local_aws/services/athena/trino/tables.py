# ruff: noqa: S608 - SQL is what this module makes; names are quoted and texts are literals
"""Names of tables and columns, and UNNEST."""

from __future__ import annotations

from sqlglot import exp

from local_aws.services.athena.trino.writer import Writer


class Tables(Writer):
    """Names of tables and columns, and UNNEST."""

    def table_sql(self, expression: exp.Table, sep: str = " AS ") -> str:
        """A relation of ours, or the name of a WITH query."""
        relation = expression.meta.get("relation")
        if relation is None:
            return str(super().table_sql(expression, sep=sep))
        alias = self.sql(expression, "alias") or self.sql(exp.to_identifier(expression.name))
        sample = self.sql(expression, "sample")
        return f'{self.schema}."{relation}" AS {alias}{sample}'

    def column_parts(self, expression: exp.Column) -> str:
        """Catalog and database are dropped: every relation stands under its table's name."""
        qualifier = expression.args.get("table")
        database = expression.args.get("db")
        name = str(self.sql(expression, "this"))
        if qualifier is None:
            return name
        if database is not None and not expression.meta.get("qualified"):
            return f"{self.sql(database)}.{self.sql(qualifier)}.{name}"
        return f"{self.sql(qualifier)}.{name}"

    def unnest_sql(self, expression: exp.Unnest) -> str:
        """UNNEST(a, b) [WITH ORDINALITY] AS t(x, y, n); maps give two columns, arrays of rows one a field."""
        alias = expression.args.get("alias")
        columns = list(alias.columns) if alias else []
        offset = expression.args.get("offset")
        inner = [self.sql(part) for part in expression.expressions]
        names = [self.sql(column) for column in columns]
        if isinstance(offset, exp.Expr):
            names.append(self.sql(offset))
        head = f" AS {self.sql(alias, 'this')}" if alias and alias.this else " AS _unnest"
        tail = f"({', '.join(names)})" if names else ""
        ordinal = ", generate_subscripts({0}, 1)" if offset else ""
        if len(columns) > len(inner) and len(inner) == 1:
            if is_map(expression.expressions[0]):
                keys = f"map_keys({inner[0]})"
                selected = f"unnest({keys}), unnest(map_values({inner[0]})){ordinal.format(keys)}"
                return f"LATERAL (SELECT {selected}){head}{tail}"
            numbered = ", e.n" if offset else ""
            return (
                f"LATERAL (SELECT unnest(e.row){numbered} FROM (SELECT unnest({inner[0]}) AS row"
                f"{ordinal.format(inner[0])}{' AS n' if offset else ''}) AS e){head}{tail}"
            )
        longest = inner[0] if len(inner) == 1 else f"range(greatest({', '.join(f'len({x})' for x in inner)}))"
        selected = ", ".join(f"unnest({part})" for part in inner)
        return f"LATERAL (SELECT {selected}{ordinal.format(longest)}){head}{tail}"


def is_map(node: exp.Expr) -> bool:
    """Whether the operand of UNNEST is a map: as the catalog says, or as it is written."""
    if node.meta.get("map"):
        return True
    if isinstance(node, exp.Cast):
        return bool(node.args["to"].is_type("map"))
    maps = {"map", "map_agg", "histogram", "map_from_entries", "map_concat"}
    return isinstance(node, exp.Anonymous) and node.name.lower() in maps

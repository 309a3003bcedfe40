"""Trino SQL on DuckDB: what a query means in Trino, said in DuckDB's words.

    text ── dialect.parse ──> tree ── marks ──> numbered operators whose meaning depends on types
                                                    │ DuckDB's binder tells their operands' types
                                                    v
                              DuckDB text <── translate (functions: one table)

A function that is not in the table fails by name: DuckDB often has one of the same name that means
something else, and a wrong number is worse than none.
"""

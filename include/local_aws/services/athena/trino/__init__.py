"""Trino SQL on DuckDB: what a query means in Trino, said in DuckDB's words.

    text ── dialect ──> tree ── marks ──> numbered operators whose meaning depends on types
                                              │ DuckDB's binder tells their operands' types
                                              v
                        DuckDB text <── translate  ──> refusals   what DuckDB would take and Trino not
                                          translator                      all parts in one:
                                          operators  casts  time_syntax  calls  tables   the parts
                                          writer                          what they stand on
                                          functions/                      a table a topic
                                          library                         macros.sql and Python: what takes
                                                                          more than a template

A function that is not in the table fails by name: DuckDB often has one of the same name that means
something else, and a wrong number is worse than none.
"""

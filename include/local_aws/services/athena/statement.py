"""What kind of statement a text is, as Athena classifies it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMMENT = re.compile(r"\s+|--[^\n]*(?:\n|$)|/\*.*?\*/", re.DOTALL)

# The first words of a statement -> (StatementType, SubstatementType). The longest match counts.
_KINDS = {
    "SELECT": ("DML", "SELECT"),
    "WITH": ("DML", "SELECT"),
    "VALUES": ("DML", "SELECT"),
    "(": ("DML", "SELECT"),
    "TABLE": ("DML", "SELECT"),
    "INSERT INTO": ("DML", "INSERT"),
    "UNLOAD": ("DML", "UNLOAD"),
    "EXECUTE": ("DML", "EXECUTE"),
    "PREPARE": ("DDL", "PREPARE"),
    "DEALLOCATE PREPARE": ("DDL", "DEALLOCATE_PREPARE"),
    "CREATE TABLE": ("DDL", "CREATE_TABLE"),
    "CREATE EXTERNAL TABLE": ("DDL", "CREATE_TABLE"),
    "CREATE DATABASE": ("DDL", "CREATE_DATABASE"),
    "CREATE SCHEMA": ("DDL", "CREATE_DATABASE"),
    "CREATE VIEW": ("DDL", "CREATE_VIEW"),
    "CREATE OR REPLACE VIEW": ("DDL", "CREATE_VIEW"),
    "DROP TABLE": ("DDL", "DROP_TABLE"),
    "DROP VIEW": ("DDL", "DROP_VIEW"),
    "DROP DATABASE": ("DDL", "DROP_DATABASE"),
    "DROP SCHEMA": ("DDL", "DROP_DATABASE"),
    "ALTER TABLE": ("DDL", "ALTER_TABLE"),
    "ALTER DATABASE": ("DDL", "ALTER_DATABASE"),
    "ALTER SCHEMA": ("DDL", "ALTER_DATABASE"),
    "MSCK REPAIR TABLE": ("DDL", "MSCK_REPAIR_TABLE"),
    "SHOW DATABASES": ("UTILITY", "SHOW_DATABASES"),
    "SHOW SCHEMAS": ("UTILITY", "SHOW_DATABASES"),
    "SHOW TABLES": ("UTILITY", "SHOW_TABLES"),
    "SHOW VIEWS": ("UTILITY", "SHOW_VIEWS"),
    "SHOW PARTITIONS": ("UTILITY", "SHOW_PARTITIONS"),
    "SHOW COLUMNS": ("UTILITY", "SHOW_COLUMNS"),
    "SHOW CREATE TABLE": ("UTILITY", "SHOW_CREATE_TABLE"),
    "SHOW CREATE VIEW": ("UTILITY", "SHOW_CREATE_VIEW"),
    "SHOW TBLPROPERTIES": ("UTILITY", "SHOW_TBLPROPERTIES"),
    "DESCRIBE": ("UTILITY", "DESCRIBE"),
    "DESC": ("UTILITY", "DESCRIBE"),
    "EXPLAIN": ("UTILITY", "EXPLAIN"),
}


@dataclass(frozen=True)
class Statement:
    """A statement's text without its last semicolon, and what it is."""

    sql: str
    type: str  # "DML", "DDL", "UTILITY"; unknown statements are DML, as they then fail to parse
    kind: str  # "SELECT", "INSERT", "CREATE_TABLE", "CREATE_TABLE_AS_SELECT", …; "" when unknown


def classify(text: str) -> Statement:
    """Look at the first words; the rest is not read yet."""
    sql = text.strip()
    while sql.endswith(";"):
        sql = sql[:-1].rstrip()
    head = _first_words(sql)
    for length in range(len(head), 0, -1):
        found = _KINDS.get(" ".join(head[:length]))
        if found:
            kind = "CREATE_TABLE_AS_SELECT" if found[1] == "CREATE_TABLE" and _selects(sql) else found[1]
            return Statement(sql, found[0], kind)
    return Statement(sql, "DML", "")


def without_comments(sql: str) -> str:
    """The text without comments, as Hive's statements are read."""
    return re.sub(
        r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`)|--[^\n]*|/\*.*?\*/",
        lambda found: found[1] or " ",
        sql,
        flags=re.DOTALL,
    ).strip()


def _first_words(sql: str) -> list[str]:
    place = 0
    words: list[str] = []
    while len(words) < 4:
        while found := _COMMENT.match(sql, place):
            if found.end() == place:
                break
            place = found.end()
        word = re.compile(r"[A-Za-z_]+|\(").match(sql, place)
        if not word:
            break
        words.append(word[0].upper())
        place = word.end()
    return words


def _selects(sql: str) -> bool:
    """CREATE TABLE … AS SELECT; an external table's text may hold the word AS only in comments."""
    plain = re.sub(r"'(?:[^']|'')*'", "''", without_comments(sql))
    return bool(re.match(r"CREATE\s+TABLE\b", plain, re.I)) and bool(
        re.search(r"\bAS\s*\(?\s*(SELECT|WITH|VALUES|TABLE)\b", plain, re.I)
    )

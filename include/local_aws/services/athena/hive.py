"""Reading Hive's statements: tokens, names, column lists, properties."""

from __future__ import annotations

import re
from dataclasses import dataclass

from local_aws.services.athena.failure import QueryFailed
from local_aws.services.athena.statement import without_comments
from local_aws.services.catalog.types import BadType, parse_type

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*")|(?P<name>`[^`]+`)"""
    r"""|(?P<word>[A-Za-z_0-9$][\w$-]*)|(?P<mark>[^\s]))""",
    re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}


@dataclass(frozen=True)
class _Token:
    kind: str  # "text", "name", "word", "mark"
    text: str
    place: int


class Tokens:
    """A Hive statement, read from left to right. Every method raises QueryFailed where it does not fit."""

    def __init__(self, sql: str) -> None:
        self.sql = without_comments(sql)
        self._tokens: list[_Token] = []
        for found in _TOKEN.finditer(self.sql):
            kind = found.lastgroup or "mark"
            self._tokens.append(_Token(kind, found[kind], found.start(kind)))
        self._next = 0

    def fail(self, expected: str) -> QueryFailed:
        """What to raise at the next token."""
        token = self._peek()
        place = token.place if token else len(self.sql)
        line = self.sql.count("\n", 0, place) + 1
        column = place - (self.sql.rfind("\n", 0, place) + 1)
        found = token.text if token else "<EOF>"
        return QueryFailed(
            f"FAILED: ParseException line {line}:{column} mismatched input '{found}' expecting {expected}"
        )

    def accept(self, *words: str) -> bool:
        """Take these words or marks if they come next."""
        for number, word in enumerate(words):
            token = self._peek(number)
            if token is None or token.kind not in ("word", "mark") or token.text.upper() != word:
                return False
        self._next += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Take these words or marks."""
        if not self.accept(*words):
            raise self.fail(" ".join(words))

    def end(self) -> None:
        """Nothing may follow."""
        if self._peek() is not None:
            raise self.fail("EOF")

    @property
    def at_end(self) -> bool:
        """Nothing follows."""
        return self._peek() is None

    def name(self) -> str:
        """An identifier, in lower case."""
        token = self._peek()
        if token is None or token.kind == "mark" or (token.kind == "text" and token.text[0] == "'"):
            raise self.fail("an identifier")
        self._next += 1
        return token.text.strip('`"').lower()

    def qualified(self, database: str) -> tuple[str, str]:
        """``[catalog.][database.]table``."""
        parts = [self.name()]
        while self.accept("."):
            parts.append(self.name())
        return (parts[-2] if len(parts) > 1 else database), parts[-1]

    def text(self) -> str:
        """A string literal."""
        token = self._peek()
        if token is None or token.kind != "text":
            raise self.fail("a string")
        self._next += 1
        return _unescaped(token.text)

    def value(self) -> str:
        """A string, a number or a word, as text."""
        token = self._peek()
        if token is not None and token.kind == "text":
            return self.text()
        if token is None or token.kind != "word":
            raise self.fail("a constant")
        self._next += 1
        written = token.text
        while self.accept("."):  # 1.5
            written += f".{self.value()}"
        return written

    def properties(self) -> dict[str, str]:
        """``('a' = 'b', …)``."""
        answer = {}
        self.expect("(")
        while not self.accept(")"):
            key = self.text()
            self.expect("=")
            answer[key] = self.value()
            self.accept(",")
        return answer

    def columns(self, *, types: bool = True) -> list[dict[str, str]]:
        """``(name type [COMMENT 'text'], …)``; without types only the names."""
        answer = []
        self.expect("(")
        while not self.accept(")"):
            column = {"Name": self.name()}
            if types:
                column["Type"] = self._type()
            if self.accept("COMMENT"):
                column["Comment"] = self.text()
            answer.append(column)
            self.accept(",")
        return answer

    def partition(self) -> dict[str, str]:
        """``(key = value, …)``, keys in lower case."""
        answer = {}
        self.expect("(")
        while not self.accept(")"):
            key = self.name()
            self.expect("=")
            answer[key] = self.value()
            self.accept(",")
        return answer

    def _type(self) -> str:
        depth, parts = 0, []
        while (token := self._peek()) is not None:
            if depth == 0 and (token.text in ",)" or token.text.upper() == "COMMENT"):
                break
            depth += {"<": 1, "(": 1, ">": -1, ")": -1}.get(token.text, 0)
            parts.append(token.text.strip("`") if token.kind == "name" else token.text)
            self._next += 1
        try:
            return str(parse_type("".join(parts).lower()))
        except BadType as problem:
            raise QueryFailed(f"FAILED: ParseException {problem}") from None

    def _peek(self, ahead: int = 0) -> _Token | None:
        place = self._next + ahead
        return self._tokens[place] if place < len(self._tokens) else None


def _unescaped(token: str) -> str:
    inner = token[1:-1].replace("''", "'") if token[0] == "'" else token[1:-1]

    def character(found: re.Match[str]) -> str:
        code = found[1]
        if code[0] == "u":
            return chr(int(code[1:], 16))
        if len(code) == 3:
            return chr(int(code, 8))
        return _ESCAPES.get(code, code)

    return re.sub(r"\\(u[0-9a-fA-F]{4}|[0-7]{3}|.)", character, inner, flags=re.DOTALL)

"""Whose signature counts: one root credential made at first start, and sessions that STS gave out."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from local_aws.state.records import Database, RecordExists, Records

_KEY_LETTERS = string.ascii_uppercase + "234567"


@dataclass(frozen=True)
class Credential:
    """A key that can sign calls."""

    access_key: str
    secret_key: str
    session_token: str | None = None  # sessions must send it along
    expires: datetime | None = None  # UTC; the root credential never does
    role_arn: str | None = None  # the role that was assumed; None for root
    role_id: str | None = None
    session_name: str | None = None


class Credentials:
    """All keys of one stand-in; they survive a restart like everything else."""

    def __init__(self, database: Database) -> None:
        self._records = Records(database, "credential")
        self._root: Credential | None = None  # it never changes, and every call asks for it

    def root(self) -> Credential:
        """The account's own key, made on first use and kept."""
        if self._root is None:
            self._root = self._read_root()
        return self._root

    def _read_root(self) -> Credential:
        found = self._records.find("root")
        if found is None:
            body = {"access_key": "AKIA" + _letters(16), "secret_key": secrets.token_urlsafe(30)}
            try:
                found = self._records.insert("root", body)
            except RecordExists:  # another thread was first
                found = self._records.get("root")
        return Credential(**found.body)

    def issue(self, role_arn: str, role_id: str, session_name: str, lifetime: timedelta) -> Credential:
        """A temporary key for someone who assumed ``role_arn``."""
        credential = Credential(
            access_key="ASIA" + _letters(16),
            secret_key=secrets.token_urlsafe(30),
            session_token=secrets.token_urlsafe(96),
            expires=datetime.now(UTC) + lifetime,
            role_arn=role_arn,
            role_id=role_id,
            session_name=session_name,
        )
        body: dict[str, Any] = dict(vars(credential))
        self._records.insert(credential.access_key, body)
        return credential

    def find(self, access_key: str) -> Credential | None:
        """The credential with this access key id, expired or not; ``None`` when it was never given out."""
        root = self.root()
        if access_key == root.access_key:
            return root
        found = self._records.find(access_key)
        return Credential(**found.body) if found and access_key != "root" else None


def _letters(count: int) -> str:
    return "".join(secrets.choice(_KEY_LETTERS) for _ in range(count))

"""Reading a job's arguments."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn


class GlueArgumentError(Exception):
    """An argument is missing or has no value; the message names it."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise GlueArgumentError(message)


def getResolvedOptions(args: Sequence[str], options: Sequence[str]) -> dict[str, str]:  # noqa: N802 - AWS's name
    """The values of the arguments that a script asks for.

    Args:
        args: ``sys.argv``: the script, then ``--name value`` or ``--name=value`` for each argument.
        options: the names, without hyphens. All are required; arguments of other names are passed over.

    Raises GlueArgumentError.
    """
    parser = _Parser(add_help=False, allow_abbrev=False)
    for name in options:
        parser.add_argument(f"--{name}", required=True)
    known, _ = parser.parse_known_args(list(args[1:]))
    return vars(known)

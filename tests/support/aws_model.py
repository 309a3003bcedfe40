"""Holds a request body against botocore's model of the call, as strictly as AWS does.

botocore's own validator checks types, required members and minima only; AWS also refuses what is too
long, matches no pattern, or is not in an enumeration.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
}


@cache
def service_model(service: str) -> ServiceModel:
    """Botocore's model of a service."""
    return botocore.session.get_session().get_service_model(service)


def faults(service: str, operation: str, body: dict[str, Any]) -> list[str]:
    """All that AWS would object to, one sentence each; empty when the body is fine."""
    shape = service_model(service).operation_model(operation).input_shape
    assert shape is not None
    return _faults(shape, body, operation)


def _faults(shape: Any, value: Any, at: str) -> list[str]:
    wanted: Any = TYPES[shape.type_name]
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        return [f"{at}: {value!r} is not a {shape.type_name}"]
    limits = shape.metadata
    found = []
    size = value if shape.type_name in ("integer", "long", "float", "double") else len_of(value)
    if size is not None and not limits.get("min", -math.inf) <= size <= limits.get("max", math.inf):
        found.append(f"{at}: {value!r} is not between {limits.get('min')} and {limits.get('max')}")
    if shape.type_name == "string":
        found += _text_faults(shape, value, at)
    if shape.type_name == "structure":
        found += [f"{at}: {name} is missing" for name in shape.required_members if name not in value]
        found += [f"{at}: {name} is unknown" for name in value if name not in shape.members]
        known = {name: inner for name, inner in value.items() if name in shape.members}
        found += [
            fault for name in known for fault in _faults(shape.members[name], known[name], f"{at}.{name}")
        ]
    if shape.type_name == "map":
        for name, inner in value.items():
            found += _faults(shape.key, name, f"{at} key") + _faults(shape.value, inner, f"{at}.{name}")
    if shape.type_name == "list":
        for index, inner in enumerate(value):
            found += _faults(shape.member, inner, f"{at}[{index}]")
    return found


def _text_faults(shape: Any, value: str, at: str) -> list[str]:
    found = []
    if shape.enum and value not in shape.enum:
        found.append(f"{at}: {value!r} is none of {shape.enum}")
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(python_pattern(pattern), value, re.DOTALL):
        found.append(f"{at}: {value!r} does not match {pattern}")
    return found


def len_of(value: Any) -> int | None:
    """Length of a text, list or mapping; None for a boolean."""
    return None if isinstance(value, bool) else len(value)


# What AWS's patterns, which are Java's, hold beyond Python's: classes of characters, and characters above
# U+FFFF as the two halves in which Java keeps them.
JAVA_TO_PYTHON = {
    r"\p{L}": "a-zA-Z",
    r"\p{Z}": " ",
    r"\p{N}": "0-9",
    r"\p{M}": "",
    r"\p{S}": r"$+<=>^`|~",
    r"\p{P}": r"!-#%-*,-/:;?@\[-\]_{}",
    r"\p{Alnum}": "a-zA-Z0-9",
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF",
}


def python_pattern(pattern: str) -> str:
    """One of AWS's patterns as Python spells it; of letters, only ASCII's are let through."""
    for java, python in JAVA_TO_PYTHON.items():
        pattern = pattern.replace(java, python)
    return re.sub(r"\$\{\d+,\d+\}$", "$", pattern)  # Java lets an end be repeated

"""YAML files with the line of every key: duplicate keys are refused, and a fault can be pointed at."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from aws_ml.exceptions import WorkflowInvalid
from aws_ml.problems import KeyPath, path_text, shown


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.1 as PyYAML reads it, with `1e-3` as the number that everybody takes it for."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


@dataclass(frozen=True)
class Document:
    """One YAML file: its data, and the line on which each key path starts."""

    file: str
    data: dict[str, Any]
    lines: dict[KeyPath, int] = field(default_factory=dict)


def read(file: str, text: str) -> Document:
    """The file's mapping.

    :raises WorkflowInvalid: not YAML, not a mapping, or a key is there twice.
    """
    loader = Loader(text)
    lines: dict[KeyPath, int] = {}
    problems: list[str] = []

    def value(node: yaml.Node, path: KeyPath) -> Any:
        lines[path] = node.start_mark.line + 1
        if not isinstance(node, yaml.ScalarNode) and node.tag not in PLAIN_TAGS:
            raise yaml.MarkedYAMLError(problem=f"tag {node.tag} is not allowed", problem_mark=node.start_mark)
        if isinstance(node, yaml.SequenceNode):
            return [value(item, (*path, index)) for index, item in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            return loader.construct_object(node)
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            inner = (*path, key)
            if key in mapping:
                first = lines[inner]
                line = key_node.start_mark.line + 1
                problems.append(f"{file}:{line}: {path_text(inner)}: is there twice, first on line {first}")
            mapping[key] = value(value_node, inner)
            lines[inner] = key_node.start_mark.line + 1
        return mapping

    try:
        node = loader.get_single_node()
        data = {} if node is None else value(node, ())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise WorkflowInvalid(file, [f"{file}: is not YAML: {' '.join(str(error).split())}"]) from error
    finally:
        loader.dispose()
    if problems:
        raise WorkflowInvalid(file, problems)
    if not isinstance(data, dict):
        raise WorkflowInvalid(file, [f"{file}:1: found {shown(data)}; allowed: a mapping of keys to values"])
    return Document(file, data, lines)


def merge(below: Any, above: Any) -> Any:
    """``above`` laid over ``below``: mappings key by key, everything else as a whole."""
    if isinstance(below, dict) and isinstance(above, dict):
        keys = [*below, *(key for key in above if key not in below)]
        return {
            key: merge(below[key], above[key])
            if key in below and key in above
            else above.get(key, below.get(key))
            for key in keys
        }
    return above

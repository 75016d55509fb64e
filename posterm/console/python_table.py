"""The dictionary of a pyiso8583 specification, from a Python file or from JSON. Nothing of the file is run.

Source: pyiso8583 documents its specifications as one dictionary literal with the keys h, t, p and element numbers.
Leaves out dictionaries that a program builds; write those out as JSON first.
"""

from __future__ import annotations

import ast
import json
import warnings
from typing import Any

from posterm.console.errors import InputError


def specification(source: bytes, where: str) -> dict[str, Any]:
    """The one dictionary of a file that has a key "t" (the message type).

    Raises: InputError: neither JSON nor a Python file with such a dictionary.
    """
    try:
        document = json.loads(source)
    except (ValueError, RecursionError):
        document = _from_python(source, where)
    if not isinstance(document, dict):
        raise InputError(f"{where}: need one dictionary, have another value")
    return document


def _from_python(source: bytes, where: str) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(f"{where}: need JSON or a Python file, have neither") from None
    found: list[dict[str, Any]] = []
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            try:
                value = ast.literal_eval(node.value)
            except (ValueError, TypeError, RecursionError, MemoryError):
                continue
            if "t" in value:
                found.append(value)
    if len(found) != 1:
        raise InputError(
            f'{where}: need one dictionary literal with the key "t", have {len(found)}',
            hint="a dictionary that a program builds can be written out as JSON",
        )
    return found[0]

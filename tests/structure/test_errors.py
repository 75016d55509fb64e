"""Every exception of posterm derives from PostermError and stands in the tree its errors module draws."""

from __future__ import annotations

import ast
import importlib
import inspect

import pytest

from posterm.errors import PostermError
from tests.structure.source_tree import modules


def exception_classes() -> dict[str, type[BaseException]]:
    """Every exception class a module of posterm defines, by dotted name."""
    names = [module.name for module in modules("posterm") if not module.name.endswith(".__main__")]
    return {
        f"{name}.{value.__qualname__}": value
        for name in names
        for value in vars(importlib.import_module(name)).values()
        if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__ == name
    }


def test_every_exception_is_a_posterm_error():
    assert [name for name, cls in exception_classes().items() if not issubclass(cls, PostermError)] == []


def test_every_exception_says_what_it_means():
    assert [name for name, cls in exception_classes().items() if not (cls.__doc__ or "").strip()] == []


@pytest.mark.parametrize(
    "module",
    [module for module in modules("posterm") if module.path.endswith("/errors.py")],
    ids=lambda module: module.name,
)
def test_an_errors_module_draws_its_whole_tree(module):
    drawn = ast.get_docstring(module.tree) or ""
    classes = [node.name for node in module.tree.body if isinstance(node, ast.ClassDef)]
    assert classes
    assert [name for name in classes if name not in drawn] == []


def test_a_hint_travels_beside_the_message():
    error = PostermError("what is wrong", hint="what to do")
    assert (str(error), error.hint) == ("what is wrong", "what to do")
    assert PostermError("what is wrong").hint == ""

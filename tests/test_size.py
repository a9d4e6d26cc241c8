"""The repository's own rule: no file and no function is longer than can be read at once."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILE_LINES, FUNCTION_LINES = 400, 70


def too_long(name: str, source: str) -> list[str]:
    """What of this file goes beyond the rule, each with where it is and by how much."""
    lines = source.count("\n")
    found = [f"{name}: {lines} lines, {FILE_LINES} are allowed"] if lines > FILE_LINES else []
    for one in ast.walk(ast.parse(source)):
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (one.end_lineno or one.lineno) - one.lineno + 1
            if lines > FUNCTION_LINES:
                found.append(f"{name}:{one.lineno}: {one.name} has {lines} lines, {FUNCTION_LINES} are allowed")
    return found


@pytest.mark.parametrize("tree", ["ultrad", "tests"])
def test_size__every_file_and_function__can_be_read_at_once(tree: str) -> None:
    files = sorted((ROOT / tree).rglob("*.py"))
    assert len(files) > 100
    found = [too_long(str(one.relative_to(ROOT)), one.read_text(encoding="utf-8")) for one in files]
    assert [line for lines in found for line in lines] == []


@pytest.mark.parametrize("word", ["def", "async def"])
def test_too_long__one_line_more__is_named_wherever_it_stands(word: str) -> None:
    head = f"class A:\n    @property\n    {word} b(self):\n"
    assert too_long("a.py", head + "        x\n" * (FUNCTION_LINES - 1)) == []
    assert too_long("a.py", head + "        x\n" * FUNCTION_LINES) == ["a.py:3: b has 71 lines, 70 are allowed"]
    assert too_long("a.py", "x\n" * FILE_LINES) == []
    assert too_long("a.py", "x\n" * FILE_LINES + "x\n") == ["a.py: 401 lines, 400 are allowed"]

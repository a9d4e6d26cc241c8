import pytest

from ultrad.core.clocks import JUMP_MS, jump_ms
from ultrad.units import Now


@pytest.mark.parametrize(
    ("wall_ms", "expected"), [(1000, 0), (1000 + JUMP_MS, 0), (1001 + JUMP_MS, 5001), (-9000, -10_000)]
)
def test_jump__wall_against_steady__told_beyond_the_limit(wall_ms: int, expected: int) -> None:
    assert jump_ms(Now(0, 0), Now(wall_ms, 1000)) == expected

"""Which causes forbid a rescue."""

import pytest

from tests.core.make import cause
from ultrad.core.estop import NEVER_COVERED, EstopState, tripped
from ultrad.core.estop_rules import NO_RESCUE, rescue_forbidden


@pytest.mark.parametrize("code", ["hf_low", "operator", "flag", "gas_errors", "override_lapsed", "first_start"])
def test_rescue__causes_that_say_nothing_of_the_key__allowed(code: str) -> None:
    assert rescue_forbidden(tripped(EstopState(), cause(code), flag_stood=True)) == ()


@pytest.mark.parametrize("code", sorted(NO_RESCUE))
def test_rescue__key_or_record_in_doubt__forbidden_among_other_causes(code: str) -> None:
    state = tripped(EstopState(), cause("hf_low"), flag_stood=True)
    assert rescue_forbidden(tripped(state, cause(code), flag_stood=True)) == (code,)


def test_rescue__what_is_never_held_off__is_forbidden_but_for_two() -> None:
    assert {"key_leak", "intrusion", "rescue_off"} < NO_RESCUE
    assert {"override_lapsed", "first_start"} == NEVER_COVERED - NO_RESCUE

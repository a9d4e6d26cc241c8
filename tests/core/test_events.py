from tests.core.test_estop_rules import finding
from ultrad.core.events import Level


def test_level__rising__is_written_in_lower_case() -> None:
    assert [one.label for one in sorted(Level)] == ["info", "warning", "alert", "critical", "emergency"]


def test_finding__key__is_code_and_subject_alone() -> None:
    assert finding(health=1).key == finding(health=None).key == ("hf_low", "main")
    assert finding(subject="second").key != finding().key

"""`[checks]`: its units, and what is wrong between its keys."""

import pytest

from tests.config.conftest import House
from ultrad.config.checks import ChecksSection, backup_limits, capacity_limits, clock_limits
from ultrad.core.backup_age import BackupLimits
from ultrad.core.capacity import CapacityLimits
from ultrad.core.timekeeping import ClockLimits


def test_checks__defaults__in_exact_units() -> None:
    section = ChecksSection()
    assert capacity_limits(section) == CapacityLimits(15, 1_024, 5, 256)
    assert clock_limits(section) == ClockLimits(3_000, 20_000)
    assert backup_limits(section) == BackupLimits(26, 50)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("disk_alert_free_pct = 16", "checks.disk_alert_free_pct = 16 must not be over checks.disk_warn_free_pct"),
        ("disk_warn_free_mb = 255", "checks.disk_alert_free_mb = 256 must not be over"),
        ("clock_warn_s = 21", "checks.clock_warn_s = 21 must not be over checks.clock_alert_s = 20"),
        ("backup_alert_h = 25", "checks.backup_warn_h = 26 must not be over checks.backup_alert_h = 25"),
    ],
)
def test_checks__an_alert_before_its_warning__is_a_mistake(house: House, lines: str, words: str) -> None:
    house.add(f"[checks]\n{lines}")
    assert words in house.only_mistake()


def test_checks__alike__is_none(house: House) -> None:
    house.add("[checks]\ndisk_alert_free_pct = 15")
    assert house.load().settings.checks.disk_alert_free_pct == 15

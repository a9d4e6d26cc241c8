"""`[rescue]`: off unless enabled, in exact units, and what does not fit together."""

import pytest

from tests.config.conftest import ACCOUNT, OTHER_ACCOUNT, House
from ultrad.config import Config, ConfigError, check
from ultrad.core.rescue import RescueLimits
from ultrad.networks import DEVNET_ACCOUNT
from ultrad.units import USD, WAD, UsdE8, Wad

ASSET = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
TRADE = f'[trade]\nposition = "main"\nasset = "{ASSET}"\ntrade_usd = 50\n'
SIGNER = '[signer]\nkind = "devnet"\n'
DEFAULTS = RescueLimits(
    rescue_hf=Wad(13 * WAD // 10),
    target_hf=Wad(15 * WAD // 10),
    step_e8=UsdE8(1_000 * USD),
    hour_e8=UsdE8(3_000 * USD),
    day_e8=UsdE8(10_000 * USD),
    max_fee_wei=300 * 10**9,
)


def _devnet(house: House, more: str) -> House:
    house.replace('"production"', '"devnet"').replace(
        '"ethereum"', f'"devnet"\naddresses_provider = "{OTHER_ACCOUNT}"'
    )
    return house.replace(ACCOUNT, DEVNET_ACCOUNT).add(TRADE + SIGNER + more)


def _lines(config: Config, level: str) -> list[str]:
    return [
        str(line.message) for line in check(config, {}) if line.level == level and "rescue]" in str(line.message)
    ]


def test_rescue__left_out__off_and_said(house: House) -> None:
    config = house.load()
    assert config.rescue is None
    assert _lines(config, "ok") == [
        "[rescue] is not enabled: while the stop is ON ultrad sends nothing but cancellations."
    ]


def test_rescue__enabled__its_own_figures_and_said(house: House) -> None:
    config = _devnet(house, "[rescue]\nenabled = true\n").load()
    assert config.rescue == DEFAULTS
    (told,) = _lines(config, "ok")
    assert "under 1.3 ultrad repays or adds collateral up to 1.5" in told


def test_rescue__enabled_in_a_dry_run__a_warning(house: House) -> None:
    house = _devnet(house, "[rescue]\nenabled = true\n").replace(
        "trade_usd = 50", "trade_usd = 50\ndry_run = true"
    )
    assert "keeps it from sending anything" in _lines(house.load(), "warning")[0]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("rescue_hf = 1.6\nrescue_target_hf = 1.7", "must be under limits.trip_hf"),
        ("rescue_hf = 1.05", "rescue.rescue_hf"),
        ("rescue_hf = 1.5", "must be over rescue.rescue_hf"),
        ("max_step_usd = 4000", "rescue.max_step_usd = 4000 must not be over rescue.max_hour_usd"),
        ("max_hour_usd = 20000", "rescue.max_hour_usd = 20000 must not be over rescue.max_day_usd"),
    ],
)
def test_rescue__figures_that_do_not_fit__a_mistake(house: House, lines: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _devnet(house, f"[rescue]\nenabled = true\n{lines}\n").load()
    assert said in str(caught.value)


def test_rescue__enabled_without_a_key__a_mistake(house: House) -> None:
    with pytest.raises(ConfigError, match="nobody could sign"):
        house.add("[rescue]\nenabled = true\n").load()

"""The sections of trading: ranges, rules between them, guards, and what is said of them."""

import json
from decimal import Decimal

import pytest

from tests.config.conftest import ACCOUNT, KEY, OTHER_ACCOUNT, House
from ultrad.config import Config, check, guards_for_others
from ultrad.config.facts import is_looser, texts
from ultrad.config.rules import PUBLIC_ACCOUNTS
from ultrad.config.trading import is_dry_run, trade_limits
from ultrad.core.trade_limits import TradeLimits
from ultrad.networks import DEVNET_ACCOUNT, NETWORKS
from ultrad.units import USD, UsdE8, Wad

ASSET = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
TRADE = f'[trade]\nposition = "main"\nasset = "{ASSET}"\ntrade_usd = 50\n'
DATABASE = "59833787-2cf9-4fdf-8782-e53db20768a5"


def _trading(house: House, more: str = "") -> House:
    return house.add(TRADE + more)


def _keystore(house: House, content: object, mode: int = 0o600) -> str:
    house.secret("keystore.json", json.dumps(content, indent=1), mode)
    house.secret("passphrase", KEY)
    return (
        f'[signer]\nkind = "keystore"\nkeystore = "{house.directory}/keystore.json"\n'
        f'passphrase = "{house.directory}/passphrase"'
    )


def _devnet(house: House) -> House:
    house.replace('"production"', '"devnet"').replace(
        '"ethereum"', f'"devnet"\naddresses_provider = "{OTHER_ACCOUNT}"'
    )
    return house.replace(ACCOUNT, DEVNET_ACCOUNT)


def _lines(config: Config, level: str) -> list[str]:
    return [str(line.message) for line in check(config, {}) if line.level == level]


# ---------------------------------------------------------------- trade


def test_trade__left_out__nothing_is_traded(house: House) -> None:
    config = house.load()
    assert config.trade is None
    assert "[trade] is not there: ultrad watches, and trades nothing." in _lines(config, "ok")


def test_trade__only_what_is_required__the_rules_own_figures_and_a_dry_run(house: House) -> None:
    trade = _trading(house).load().trade
    assert trade is not None
    assert trade.limits == TradeLimits(trade_e8=UsdE8(50 * USD))
    assert trade.dry_run
    assert trade.confirmations == 12


def test_trade__every_figure__in_exact_units(house: House) -> None:
    more = (
        "min_trade_usd = 1.5\nmax_trade_usd = 60\nmax_trade_pct = 5.25\nmax_day_pct = 12\nmin_hf_after = 1.95\n"
        "cooldown_minutes = 20\nmin_confidence = 77.5\nfresh_minutes = 3\nrepeats_per_hour = 2\nburst = 4\n"
        "run = 3\nmax_fee_gwei = 0.05\ngas_wait_minutes = 1\noutcome_tolerance_pct = 0.01\n"
    )
    section = _trading(house, more).load().settings.trade
    assert section is not None
    limits = trade_limits(section)
    assert (limits.min_trade_e8, limits.max_trade_e8) == (150_000_000, 60 * USD)
    assert (limits.max_trade_bps, limits.max_day_bps, limits.tolerance_bps) == (525, 1_200, 1)
    assert limits.min_hf_after == Wad(195 * 10**16)
    assert (limits.cooldown_ms, limits.fresh_ms, limits.gas_wait_ms) == (1_200_000, 180_000, 60_000)
    assert limits.min_confidence == Decimal("77.5")
    assert (limits.repeats, limits.burst, limits.run, limits.max_fee_wei) == (2, 4, 3, 50_000_000)


@pytest.mark.parametrize("key", ["position", "asset", "trade_usd"])
def test_trade__required_key_left_out__asked_for(house: House, key: str) -> None:
    _trading(house)
    line = next(line for line in TRADE.splitlines() if line.startswith(key))
    assert f"trade.{key}" in house.replace(line + "\n", "").only_mistake()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("max_trade_pct = 50.01", "trade.max_trade_pct"),
        ("cooldown_minutes = 0", "trade.cooldown_minutes"),
        ("min_confidence = 101", "trade.min_confidence"),
        ("run = 1", "trade.run"),
        ("min_hf_after = 1.64", "trade.min_hf_after = 1.64 must be at least 0.05 above limits.trip_hf = 1.6"),
        ("max_trade_usd = 49", "trade.trade_usd = 50 must not be over trade.max_trade_usd = 49."),
        ("min_trade_usd = 51", "trade.min_trade_usd = 51 must not be over trade.trade_usd = 50."),
        ("max_day_pct = 9", "trade.max_trade_pct = 10 must not be over trade.max_day_pct = 9."),
        ("dry_run = false", "trade.dry_run is false, and there is no key."),
    ],
)
def test_trade__beyond_its_range_or_against_another_key__one_mistake(house: House, line: str, said: str) -> None:
    assert _trading(house, line).only_mistake().startswith(said)


def test_trade__at_the_edge__taken(house: House) -> None:
    _trading(house, "min_hf_after = 1.65\nmax_trade_usd = 50\nmin_trade_usd = 50\nmax_day_pct = 10").load()


def test_trade__position_that_is_none__named_with_those_there_are(house: House) -> None:
    said = _trading(house).replace('position = "main"', 'position = "other"').only_mistake()
    assert said == "trade.position names the position other, which is none. There are: main."


@pytest.mark.parametrize("asset", [ASSET.lower(), "0x12", "USDC", ""])
def test_trade__asset_that_is_no_address_in_its_case__refused(house: House, asset: str) -> None:
    assert _trading(house).replace(ASSET, asset).only_mistake().startswith("trade.asset")


def test_trade__dry_run__said_plainly_either_way(house: House) -> None:
    assert any("DRY RUN" in line for line in _lines(_trading(house).load(), "warning"))
    house.add(_keystore(house, {"version": 3}))
    house.replace("trade_usd = 50", "trade_usd = 50\ndry_run = false")
    lines = _lines(house.load(), "ok")
    assert "[trade] sends transactions: up to 50 USD each, of 0xA0b8…eB48, for the position main." in lines


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("max_trade_usd = 101", "trade.max_trade_usd = 101 is looser than the default 100."),
        ("cooldown_minutes = 9", "trade.cooldown_minutes = 9 is looser than the default 10."),
        ("confirmations = 11", "trade.confirmations = 11 is looser than the default 12."),
    ],
)
def test_trade__looser_than_the_default__warned(house: House, line: str, said: str) -> None:
    assert said in _lines(_trading(house, line).load(), "warning")


def test_trade__as_texts__what_holds_is_told_and_looser_is_known(house: House) -> None:
    before = texts(_trading(house).load())
    assert (before["trade.dry_run"], before["trade.confirmations"]) == ("true", "12")
    after = {**before, "trade.dry_run": "false", "trade.trade_usd": "60"}
    assert is_looser("trade.dry_run", before, after)
    assert is_looser("trade.trade_usd", before, after)
    assert not is_looser("trade.dry_run", after, before)


def test_networks__confirmations__half_a_minute_of_blocks_at_least_but_where_blocks_are_final() -> None:
    for network in NETWORKS:
        assert network.confirmations * network.block_time_ms >= 10_000


# ---------------------------------------------------------------- signer


def test_signer__devnet_key__on_the_devnet_with_its_account(house: House) -> None:
    config = _trading(_devnet(house), '[signer]\nkind = "devnet"').load()
    assert config.trade is not None
    assert not config.trade.dry_run
    assert config.trade.confirmations == 1
    assert DEVNET_ACCOUNT in PUBLIC_ACCOUNTS


def test_signer__devnet_key_of_another_account__refused(house: House) -> None:
    _trading(_devnet(house), '[signer]\nkind = "devnet"').replace(DEVNET_ACCOUNT, ACCOUNT)
    assert "[signer] signs for 0xFe61…9f52" in house.only_mistake()


def test_signer__devnet_key_elsewhere__refused(house: House) -> None:
    assert "everybody has this key" in _trading(house, '[signer]\nkind = "devnet"').only_mistake()


def test_signer__keystore_with_nothing__each_key_asked_for(house: House) -> None:
    mistakes = _trading(house, '[signer]\nkind = "keystore"').mistakes()
    assert [one.split()[0] for one in mistakes] == ["signer.keystore", "signer.passphrase"]


@pytest.mark.parametrize("address", [ACCOUNT[2:].lower(), ACCOUNT, None])
def test_signer__keystore_of_the_positions_account_or_silent__its_file_is_known(
    house: House, address: str | None
) -> None:
    content = {"version": 3, **({"address": address} if address else {})}
    trade = _trading(house, _keystore(house, content)).load().trade
    assert trade is not None
    assert trade.keystore == house.directory / "keystore.json"


def test_signer__keystore_of_another_account__refused(house: House) -> None:
    _trading(house, _keystore(house, {"version": 3, "address": OTHER_ACCOUNT[2:].lower()}))
    assert "[signer] signs for 0xdD2F…44C0, and trade.position is the account 0x8626…1199" in house.only_mistake()


@pytest.mark.parametrize("content", [[], {"version": 1}, "x" * 70_000])
def test_signer__file_that_is_no_keystore__refused(house: House, content: object) -> None:
    assert house.directory.name in _trading(house, _keystore(house, content)).only_mistake()


def test_signer__keystore_that_others_can_read__refused(house: House) -> None:
    assert "chmod 600" in _trading(house, _keystore(house, {"version": 3}, 0o644)).only_mistake()


def test_signer__keystore_as_a_credential__found(house: House) -> None:
    house.add(TRADE + _keystore(house, {"version": 3}).replace(f"{house.directory}/", ""))
    house.environ = {"CREDENTIALS_DIRECTORY": str(house.directory)}
    trade = house.load().trade
    assert trade is not None
    assert trade.keystore == house.directory / "keystore.json"


# ---------------------------------------------------------------- notion, octobot, signals


def _notion(house: House, more: str = "") -> House:
    token = house.secret("notion-token", KEY)
    return _trading(house, f'[notion]\ntoken = "{token}"\ndatabase = "{DATABASE}"\n{more}')


def _octobot(house: House, more: str = "") -> House:
    token = house.secret("octobot-token", "short")
    return _trading(
        house,
        f'[octobot]\nurl = "http://127.0.0.1:9000/"\ntoken = "{token}"\nexchange = "binance"\n'
        f'symbol = "BTCUSDT"\nvolume = "2%"\n{more}',
    )


def test_notion__names_of_its_own__the_others_stay(house: House) -> None:
    notion = _notion(house, '[notion.names]\naction = "判断"').load().settings.notion
    assert notion is not None
    assert (notion.names.action, notion.names.open) == ("判断", "未処理")


@pytest.mark.parametrize(
    ("line", "said"),
    [('action = "URL"', "two properties are called URL"), ('open = "処理済"', "open and done are the same")],
)
def test_notion__names_that_cannot_be_told_apart__refused(house: House, line: str, said: str) -> None:
    assert said in _notion(house, f"[notion.names]\n{line}").only_mistake()


def test_notion__database_of_the_other_environment__refused_in_either_form(house: House) -> None:
    _notion(house).add(f'[guards]\nforeign_notion_databases = ["{DATABASE.replace("-", "")}"]')
    assert house.only_mistake().startswith("notion.database belongs to the other environment")


@pytest.mark.parametrize("key", ["database", "data_source"])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("https://www.notion.so/team/598337872cf94fdf8782e53db20768a5?v=1", "is a link: write only the id in it"),
        (DATABASE.upper(), f"has capital letters: write {DATABASE}"),
        ("59833787-2cf94fdf8782-e53db20768a5", "is no id of Notion's"),
        ("598337872cf94fdf8782", "is no id of Notion's"),
    ],
)
def test_notion__id_that_is_none__says_which_key_and_what_it_should_be(
    house: House, key: str, given: str, said: str
) -> None:
    token = house.secret("notion-token", KEY)
    ids = {"database": DATABASE} | {key: given}
    lines = "\n".join(f'{name} = "{one}"' for name, one in ids.items())
    told = _trading(house, f'[notion]\ntoken = "{token}"\n{lines}\n').only_mistake()
    assert told.startswith(f"notion.{key}")
    assert said in told
    assert "32 lower-case hex digits" in told


def test_notion__data_source_that_is_the_database__refused(house: House) -> None:
    told = _notion(house, f'data_source = "{DATABASE.replace("-", "")}"').only_mistake()
    assert told.startswith("notion.data_source is the database's own id")


def test_octobot__short_token_of_its_own__taken_and_its_address_without_a_slash(house: House) -> None:
    octobot = _octobot(house).load().settings.octobot
    assert octobot is not None
    assert octobot.url == "http://127.0.0.1:9000"


def test_octobot__of_the_other_environment__refused(house: House) -> None:
    _octobot(house).add('[guards]\nforeign_octobot_urls = ["http://127.0.0.1:9000"]')
    assert house.only_mistake().startswith("octobot.url belongs to the other environment")


def test_octobot__both_addresses_the_same__refused(house: House) -> None:
    assert "octobot.web_url is the same" in _octobot(house, 'web_url = "http://127.0.0.1:9000"').only_mistake()


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"2%"', '"2%;TOKEN=x"', "octobot.volume"),
        ('"http://127.0.0.1:9000/"', '"http://a:b@127.0.0.1"', "octobot.url"),
        ('"http://127.0.0.1:9000/"', '"ftp://127.0.0.1"', "octobot.url"),
    ],
)
def test_octobot__what_it_would_read_as_something_else__refused(
    house: House, old: str, new: str, key: str
) -> None:
    assert _octobot(house).replace(old, new).only_mistake().startswith(key)


def test_signals__neither_token_nor_key__refused(house: House) -> None:
    assert "[signals] needs token or hmac_key" in _trading(house, "[signals]").only_mistake()


@pytest.mark.parametrize("key", ["token", "hmac_key"])
def test_signals__short_secret__refused(house: House, key: str) -> None:
    secret = house.secret("s", "too-short")
    assert "is too short" in _trading(house, f'[signals]\n{key} = "{secret}"').only_mistake()


def test_check__sources_without_trade__not_used(house: House) -> None:
    house.add(f'[signals]\ntoken = "{house.secret("s", KEY)}"')
    assert "[signals] is not used: there is no [trade]." in _lines(house.load(), "warning")


def test_fingerprints__of_what_trades__all_but_the_passphrase(house: House) -> None:
    config = _octobot(house, f'[notion]\ntoken = "{house.secret("n", KEY + "n")}"\ndatabase = "{DATABASE}"').add(
        _keystore(house, {"version": 3})
    )
    loaded = config.load()
    printed = guards_for_others(loaded)
    assert f'"{DATABASE.replace("-", "")}"' in printed
    assert '"http://127.0.0.1:9000"' in printed
    assert loaded.secrets["notion.token"].fingerprint() in printed
    assert loaded.secrets["signer.passphrase"].fingerprint() not in printed


@pytest.mark.parametrize(("version", "good"), [("0.1.0", True), ("1.0rc1", True), ("latest", False), ("", False)])
def test_denied_versions__each__must_be_a_version(house: House, version: str, good: bool) -> None:  # noqa: FBT001
    house.text = f'denied_versions = ["{version}"]\n' + house.text
    if good:
        assert house.load().settings.denied_versions == (version,)
    else:
        assert house.only_mistake().startswith("denied_versions")


def test_is_dry_run__left_open__true_but_on_the_devnet(house: House) -> None:
    section = _trading(house).load().settings.trade
    assert section is not None
    assert is_dry_run(section, devnet=False)
    assert not is_dry_run(section, devnet=True)

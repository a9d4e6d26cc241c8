"""What trades, made from a configuration on disk: the key above all."""

import json
from pathlib import Path

import pytest
from eth_account import Account

from ultrad import startup
from ultrad.adapters.signer import KeySigner
from ultrad.config import Config, load
from ultrad.config.secret import Secret
from ultrad.errors import EXIT_CONFIG, Fatal
from ultrad.i18n import msg
from ultrad.networks import DEVNET_ACCOUNT, DEVNET_KEY
from ultrad.ports import Denied
from ultrad.trading import _signer
from ultrad.units import Address, Now

PASSPHRASE = "correct-horse-battery"
OTHER_KEY = "0x" + "11" * 32
FILE = """
environment = "devnet"
[chain]
network = "devnet"
addresses_provider = "0xdD2FD4581271e230360230F9337D5c0430Bf44C0"
[[chain.endpoints]]
name = "a"
http = "{at}/url"
[[positions]]
name = "main"
account = "0xFe61bF512e5C0eC58CFF0a591683CBE5B46C9f52"
[trade]
position = "main"
asset = "0xdD2FD4581271e230360230F9337D5c0430Bf44C0"
trade_usd = 50
[signer]
kind = "keystore"
keystore = "{at}/keystore"
passphrase = "{at}/passphrase"
"""


def _config(at: Path, key: str, passphrase: str = PASSPHRASE) -> Config:
    # The address is left out, as the format allows: only opening it shows whose key it is.
    keystore = {**Account.encrypt(bytes.fromhex(key[2:]), PASSPHRASE, kdf="pbkdf2", iterations=2), "address": None}
    contents = {"keystore": json.dumps(keystore), "passphrase": passphrase, "url": "http://127.0.0.1:1"}
    for name, content in contents.items():
        (at / name).write_text(content, encoding="ascii")
        (at / name).chmod(0o600)
    (at / "ultrad.toml").write_text(FILE.format(at=at), encoding="ascii")
    return load(at / "ultrad.toml", {})


@pytest.fixture(autouse=True)
def _dumpable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own process stays as it is."""
    monkeypatch.setattr("ultrad.adapters.signer.keep_memory_private", lambda: None)


async def test_signer__keystore_of_the_account__opened(tmp_path: Path) -> None:
    config = _config(tmp_path, DEVNET_KEY)
    assert config.trade is not None
    signer = await _signer(config, config.trade, DEVNET_ACCOUNT)
    assert isinstance(signer, KeySigner)
    assert signer.address == DEVNET_ACCOUNT


async def test_signer__keystore_of_another_account__the_daemon_does_not_start(tmp_path: Path) -> None:
    config = _config(tmp_path, OTHER_KEY)
    assert config.trade is not None
    with pytest.raises(Fatal, match=r"\[signer\] signs for") as caught:
        await _signer(config, config.trade, DEVNET_ACCOUNT)
    assert caught.value.exit_code == EXIT_CONFIG


async def test_signer__another_passphrase__the_daemon_does_not_start_and_shows_neither(tmp_path: Path) -> None:
    config = _config(tmp_path, DEVNET_KEY, "another-passphrase")
    assert config.trade is not None
    with pytest.raises(Fatal, match="its passphrase is another one") as caught:
        await _signer(config, config.trade, Address(DEVNET_ACCOUNT))
    assert "another-passphrase" not in repr(caught.value)
    assert isinstance(config.secrets["signer.passphrase"], Secret)


# ---------------------------------------------------------------- denied versions

NOW = Now(1, 1)


@pytest.mark.parametrize(
    ("configured", "named", "said"),
    [
        ((), (), None),
        (("1.1",), (Denied("1.2", "x", "me"),), None),
        (("1.0",), (), "denied_versions of the configuration"),
        (("1.0",), (Denied("1.0", "it rounds up.", "taro"),), "denied by taro: it rounds up."),
    ],
)
def test_denied_causes__each_way_to_name_it__one_cause_with_its_reason(
    configured: tuple[str, ...], named: tuple[Denied, ...], said: str | None
) -> None:
    causes = startup.denied_causes("1.0", configured, named, NOW)
    assert [one.code for one in causes] == (["version_denied"] if said else [])
    assert all(said is not None and said in str(one.message) for one in causes)


def test_denied_unreadable__a_damaged_file__counts_as_denied() -> None:
    assert startup.denied_unreadable(msg("damaged"), NOW).code == "denied_unreadable"

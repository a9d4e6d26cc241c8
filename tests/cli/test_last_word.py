"""What a failed unit tells the channels, without a daemon: against services on loopback."""

import json
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import anyio.to_thread
import pytest

from tests.fakes.services import Receiver, Service
from tests.fakes.slack import SlackHooks
from ultrad import last_word
from ultrad.adapters.notify.slack import SlackWebhook
from ultrad.config import Ways, ways
from ultrad.core.events import Severity
from ultrad.i18n import Message
from ultrad.ports import Outgoing

CONFIG = """
environment = "devnet"
language = "{language}"
state_dir = "{home}/state"
[chain]
network = "devnet"
addresses_provider = "0xa97684ead0e402dC232d5A977953DF7ECBaB3CDb"
[[chain.endpoints]]
name = "a"
http = "{home}/url"
[[positions]]
name = "main"
account = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
[[notify.channels]]
name = "dev"
kind = "slack-webhook"
url = "{home}/dev"
[[notify.channels]]
name = "pager"
kind = "webhook"
url = "{home}/pager"
key = "{home}/key"
[[notify.channels]]
name = "weekdays"
kind = "slack-webhook"
url = "{home}/url"
[[notify.routes]]
name = "funds"
severities = ["S1"]
channels = ["dev"]
escalate = ["pager"]
[[notify.routes]]
name = "parts"
severities = ["S2"]
channels = ["weekdays"]
"""
DIED = {"MONITOR_SERVICE_RESULT": "watchdog", "MONITOR_EXIT_CODE": "killed", "MONITOR_EXIT_STATUS": "ABRT"}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ways]:
    """A configuration of these services. Pauses between tries are short."""
    monkeypatch.setattr(last_word, "PAUSE_S", 0.01)

    def built(hooks: SlackHooks, receiver: Receiver, language: str = "en", more: str = "", gone: str = "") -> Ways:
        secrets = {"url": "http://127.0.0.1:9", "dev": hooks.hook, "pager": receiver.hook, "key": Receiver.SECRET}
        for name, value in secrets.items():
            (tmp_path / name).write_text(value, encoding="utf-8")
            (tmp_path / name).chmod(0o600)
        path = tmp_path / "ultrad.toml"
        path.write_text(CONFIG.format(home=tmp_path, language=language) + more, encoding="utf-8")
        if gone:
            (tmp_path / gone).unlink()
        return ways(path, {})

    return built


async def _tell(config: Ways, environ: dict[str, str] = DIED) -> dict[str, Message | None]:
    return await anyio.to_thread.run_sync(last_word.tell, config, "ultrad.service", environ, "n-1")


def _clean(*services: Service) -> None:
    assert [one.faults for one in services] == [[] for _ in services]


async def test_tell__all_listen__each_channel_of_s1_is_told_once(house: Callable[..., Ways]) -> None:
    async with SlackHooks().serving() as hooks, Receiver().serving() as receiver:
        outcomes = await _tell(house(hooks, receiver))
        _clean(hooks, receiver)
    assert outcomes == {"dev": None, "pager": None}
    assert (len(hooks.taken), len(receiver.taken)) == (1, 1)
    for told in (*hooks.taken, *receiver.taken):
        assert "The unit ultrad.service has failed and is not started again" in told
        assert "Result: watchdog, exit code: killed, status: ABRT." in told
        assert "systemctl reset-failed ultrad.service" in told
        assert "devnet/devnet" in told
    assert receiver.keys == ["n-1"]
    assert receiver.bodies[0]["severity"] == Severity.S1.value


async def test_tell__in_japanese_and_by_hand__says_what_it_knows(house: Callable[..., Ways]) -> None:
    async with SlackHooks().serving() as hooks, Receiver().serving() as receiver:
        await _tell(house(hooks, receiver, "ja"), {})
        _clean(hooks, receiver)
    assert "ポジションは監視されていません" in hooks.taken[0]
    assert "結果: –、終了コード: –、ステータス: –" in receiver.taken[0]


async def test_tell__one_is_down__the_other_is_told_and_the_reason_named(house: Callable[..., Ways]) -> None:
    async with SlackHooks().serving() as hooks, Receiver().serving() as receiver:
        config = house(hooks, receiver)
        await hooks.close_port()
        outcomes = await _tell(config)
    assert outcomes["pager"] is None
    assert len(receiver.taken) == 1
    assert outcomes["dev"] is not None
    assert hooks.url not in str(outcomes["dev"])


async def test_tell__fails_for_a_while__is_tried_again_with_the_same_key(house: Callable[..., Ways]) -> None:
    async with SlackHooks().serving() as hooks, Receiver().serving() as receiver:
        receiver.script.extend(["503", "cut", "cut"])
        hooks.script.extend(["503"] * (last_word.TRIES - 1))
        outcomes = await _tell(house(hooks, receiver))
        _clean(hooks, receiver)
    assert outcomes == {"dev": None, "pager": None}
    assert (hooks.tries, len(hooks.taken)) == (last_word.TRIES, 1)
    assert set(receiver.keys) == {"n-1"}
    assert len(receiver.taken) == 1  # what was cut had been taken, and the repeat was known by its key


async def test_tell__refused_for_good__is_not_tried_again(house: Callable[..., Ways]) -> None:
    async with SlackHooks().serving() as hooks, Receiver().serving() as receiver:
        hooks.mode = "400"
        outcomes = await _tell(house(hooks, receiver))
    assert (hooks.tries, outcomes["pager"]) == (1, None)
    assert outcomes["dev"] is not None


async def test_tell__one_hangs__ends_in_bounded_time_and_the_other_is_told(
    house: Callable[..., Ways], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_word, "MOST_S", 0.5)
    async with SlackHooks().serving() as hooks, Receiver().serving() as receiver:
        hooks.mode = "hang"
        began_s = monotonic()
        outcomes = await _tell(house(hooks, receiver))
        took_s = monotonic() - began_s
    assert outcomes["pager"] is None
    assert str(outcomes["dev"]).startswith("it gave no answer within")
    assert took_s < 5


async def test_tell__a_fault_of_ours_in_one_channel__the_other_is_told(
    house: Callable[..., Ways], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object, __: Outgoing) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(SlackWebhook, "send", broken)
    async with SlackHooks().serving() as hooks, Receiver().serving() as receiver:
        outcomes = await _tell(house(hooks, receiver))
    assert outcomes["pager"] is None
    assert outcomes["dev"] is not None


async def test_tell__nothing_of_it__shows_a_secret(house: Callable[..., Ways]) -> None:
    async with SlackHooks().serving() as hooks, Receiver().serving() as receiver:
        hooks.mode, receiver.mode = "500", "401"
        outcomes = await _tell(house(hooks, receiver))
    said = json.dumps([str(one) for one in outcomes.values()])
    assert not [secret for secret in (*SlackHooks.secrets, *Receiver.secrets) if secret in said]


async def test_tell__mistakes_elsewhere_in_the_file__told_all_the_same(house: Callable[..., Ways]) -> None:
    more = "[limits]\ntrip_hf = 0.3\nnonsense = 1\n"
    async with SlackHooks().serving() as hooks, Receiver().serving() as receiver:
        outcomes = await _tell(house(hooks, receiver, more=more))
        _clean(hooks, receiver)
    assert outcomes == {"dev": None, "pager": None}


async def test_tell__a_channels_secret_is_gone__said_and_the_other_is_told(house: Callable[..., Ways]) -> None:
    async with SlackHooks().serving() as hooks, Receiver().serving() as receiver:
        outcomes = await _tell(house(hooks, receiver, gone="dev"))
    assert outcomes["pager"] is None
    assert "its secret is wrong" in str(outcomes["dev"])

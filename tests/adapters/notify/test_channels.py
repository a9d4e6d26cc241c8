"""What every channel does alike, whatever its service answers."""

import time
import tracemalloc
from contextlib import suppress
from dataclasses import replace

import pytest

from tests.adapters.notify import rig as rigs
from tests.adapters.notify.rig import CHANNELS, KEY, NOTICE, SHORT_S, assert_no_secret, clean
from ultrad.errors import Permanent, Transient, UltradError
from ultrad.ports import Channel, Refused, Throttled, Unreached

pytestmark = pytest.mark.parametrize("kind", CHANNELS)
KNOWS_REPEATS = ("line", "webhook")
CAN_ONLY_BE_REACHED = ("slack webhook", "webhook")
"""Their services say nothing of us before a notice comes."""
TAKES_ANY_200 = ("line", "webhook")
"""Their services say by the status alone that they took it."""


async def failure(channel: Channel) -> UltradError:
    with pytest.raises(UltradError) as caught:
        await channel.send(NOTICE)
    return caught.value


def kind_of(error: UltradError) -> str:
    """The nearest of the port's kinds of error."""
    kinds = (Throttled, Refused, Transient, Permanent)
    return next(one.__name__ for one in kinds if isinstance(error, one))


async def test_send__service_is_well__taken_once_whole(kind: str) -> None:
    async with rigs.rig(kind) as rig:
        await rig.channel.send(NOTICE)
        assert len(rig.service.taken) == rig.service.tries == 1
        for part in (NOTICE.title, *NOTICE.lines):
            assert part in rig.service.taken[0]
        assert rig.channel.name == "ops"
        clean(rig)


async def test_send__fails_then_passes__same_key_on_each_try(kind: str) -> None:
    async with rigs.rig(kind) as rig:
        rig.service.script.extend(["500", "429"])
        for _ in range(2):
            with suppress(Transient):
                await rig.channel.send(NOTICE)
        await rig.channel.send(NOTICE)
        assert len(rig.service.taken) == 1
        assert rig.service.tries == 3
        assert set(rig.service.keys) == ({KEY} if kind != "slack webhook" else set())
        clean(rig)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("429", "Throttled"),
        ("503 later", "Throttled"),
        ("400", "Permanent"),
        ("413", "Permanent"),
        ("422", "Permanent"),
        ("401", "Refused"),
        ("403", "Refused"),
        ("404", "Refused"),
        ("410", "Refused"),
        ("redirect", "Refused"),
        ("408", "Transient"),
        ("500", "Transient"),
        ("502", "Transient"),
        ("503", "Transient"),
        ("noise", "Transient"),
        ("cut", "Transient"),
        ("cut within", "Transient"),
    ],
)
async def test_send__service_fails__kind_of_error_without_secrets(kind: str, mode: str, expected: str) -> None:
    async with rigs.rig(kind) as rig:
        rig.service.mode = mode
        error = await failure(rig.channel)
        assert kind_of(error) == expected
        assert "channel ops" in str(error)
        assert_no_secret(error, rig.service)
        clean(rig)


@pytest.mark.parametrize(
    ("asked", "pause_s"),
    [("7", 7), ("0", 0), ("999999", 3600), (None, 30), ("soon", 30), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)
async def test_send__throttled__waits_as_asked_within_an_hour(kind: str, asked: str | None, pause_s: int) -> None:
    async with rigs.rig(kind) as rig:
        rig.service.mode, rig.service.retry_after = "429", asked
        error = await failure(rig.channel)
        assert isinstance(error, Throttled)
        assert error.retry_after_s == pause_s


@pytest.mark.parametrize("mode", ["html", "garbage"])
async def test_send__200_with_a_strange_body__taken_only_where_the_status_alone_says_so(
    kind: str, mode: str
) -> None:
    async with rigs.rig(kind) as rig:
        rig.service.mode = mode
        if kind in TAKES_ANY_200 and (kind, mode) != ("webhook", "html"):
            await rig.channel.send(NOTICE)
        else:
            assert kind_of(await failure(rig.channel)) == "Transient"
        clean(rig)


async def test_send__body_of_ten_megabytes__little_memory_and_early_end(kind: str) -> None:
    async with rigs.rig(kind) as rig:
        await rig.channel.send(rigs.another(1))
        rig.service.mode = "huge"
        tracemalloc.start()
        try:
            with suppress(Transient):
                await rig.channel.send(NOTICE)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 2_000_000
        assert rig.service.sent_bytes < 9_000_000
        clean(rig)


@pytest.mark.parametrize("mode", ["hang", "hang after"])
async def test_send__service_hangs__given_up_within_the_limit(kind: str, mode: str) -> None:
    async with rigs.rig(kind, timeout_s=SHORT_S) as rig:
        rig.service.mode = mode
        begun_s = time.monotonic()
        error = await failure(rig.channel)
        assert time.monotonic() - begun_s < SHORT_S + 0.5
        assert kind_of(error) == "Transient"
        assert "within 150 ms" in str(error)
        assert_no_secret(error, rig.service)


async def test_send__port_closed_then_open__transient_then_taken(kind: str) -> None:
    async with rigs.rig(kind) as rig:
        await rig.service.close_port()
        error = await failure(rig.channel)
        assert kind_of(error) == "Transient"
        assert_no_secret(error, rig.service)
        await rig.service.open_port()
        await rig.channel.send(NOTICE)
        assert len(rig.service.taken) == 1


@pytest.mark.parametrize("mode", ["cut", "cut within"])
async def test_send__cut_after_it_was_taken__told_once_where_the_service_knows_repeats(
    kind: str, mode: str
) -> None:
    async with rigs.rig(kind) as rig:
        rig.service.script.append(mode)
        assert kind_of(await failure(rig.channel)) == "Transient"
        await rig.channel.send(NOTICE)
        assert len(rig.service.taken) == (1 if kind in KNOWS_REPEATS else 2)
        clean(rig)


async def test_send__undecodable_and_endless_text__taken_and_cut_visibly(kind: str) -> None:
    monster = replace(
        NOTICE, title="\udcff" + "🦑&" * 4000, lines=tuple("<行> " + "長い" * 300 for _ in range(40))
    )
    async with rigs.rig(kind) as rig:
        await rig.channel.send(monster)
        assert ("…" in rig.service.taken[0]) == (kind != "webhook")
        clean(rig)


async def test_quota_and_check__service_is_well__nothing_is_sent(kind: str) -> None:
    async with rigs.rig(kind) as rig:
        unknown = await rig.channel.check()
        assert (unknown is not None) == (kind in CAN_ONLY_BE_REACHED)
        assert (await rig.channel.quota() is None) == (kind != "line")
        assert rig.service.tries == 0
        clean(rig)


async def test_check__service_is_gone__is_not_reached_and_tells_no_secret(kind: str) -> None:
    async with rigs.rig(kind) as rig:
        await rig.service.close_port()
        with pytest.raises(Unreached) as caught:
            await rig.channel.check()
        assert_no_secret(caught.value, rig.service)

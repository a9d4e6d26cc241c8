"""What the record holds of a configuration, in a reload and at a start: first written, then done."""

import anyio
import pytest

from tests.sim.reloading import LOOSE, PLAIN, SERVICE, reload, running
from tests.sim.setting import SERVICE_UID
from ultrad import assembly
from ultrad.core.events import Level
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.reload import JOURNAL_S

pytestmark = pytest.mark.looptime(noop_cycles=0)

# ------------------------------------------------------------ the record


async def test_reload__applied__was_recorded_before_with_who_what_and_what_is_looser() -> None:
    async with running() as made:
        made.journal.slow_s = 2.0
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reload, made, LOOSE, SERVICE)
            await anyio.sleep(1.0)
            assert made.life.assembly.daemon.limits == PLAIN.limits
        assert made.life.assembly.daemon.limits == LOOSE.limits
        (event,) = (one.event for one in made.recorded("config.changed"))
        assert (event.level, event.data["by"], event.data["uid"]) == (Level.WARNING, "ultrad", SERVICE_UID)
        assert {"key": "limits.trip_hf", "old": "1.6", "new": "1.4", "looser": True} in event.data["changes"]  # type: ignore[operator]
        assert "Looser than before: " in str(event.message)
        assert "example" not in str(event.data)


async def test_reload__journal_refuses__changes_nothing() -> None:
    async with running() as made:
        made.journal.full = True
        with pytest.raises(Transient):
            await reload(made, LOOSE)
        assert made.life.assembly.daemon.limits == PLAIN.limits
        assert [told for _, told in made.host.told if told in {"RELOADING=1", "READY=1"}][-2:] == [
            "RELOADING=1",
            "READY=1",
        ]


async def test_reload__journal_hangs__changes_nothing_and_the_record_ends_with_that() -> None:
    async with running() as made:
        made.journal.hang()
        begun = anyio.current_time()
        with pytest.raises(Transient, match="could not be recorded"):
            await reload(made, LOOSE)
        assert anyio.current_time() - begun == pytest.approx(JOURNAL_S)
        made.journal.recover()
        await anyio.sleep(30)
        assert made.life.assembly.daemon.limits == PLAIN.limits
        assert made.kinds("config")[-1] == "config.kept"
        await made.stop()
        await made.start()
        await anyio.sleep(5)
        assert made.kinds("config")[-1] == "config.kept"


async def test_reload__nothing_differs__is_done_and_records_nothing() -> None:
    async with running() as made:
        answer = await reload(made, PLAIN)
        assert (answer.done, answer.changes) == (True, ())
        await anyio.sleep(5)
        assert made.kinds("config") == ["config.loaded"]


async def test_reload__service_manager__hears_its_beginning_and_its_end() -> None:
    async with running() as made:
        made.read_takes_s = 1.0
        await reload(made, LOOSE)
        (begun,) = made.host.times("RELOADING=1")
        assert made.host.times("READY=1")[-1] == pytest.approx(begun + 1.0, abs=0.1)


# ------------------------------------------------------------ at the start


async def test_start__same_configuration__is_not_recorded_again() -> None:
    async with running() as made:
        await made.stop()
        await made.start()
        await anyio.sleep(5)
        assert made.kinds("config") == ["config.loaded"]
        first, second = (one.event.data["config"] for one in made.recorded("daemon.started"))
        assert first == second


async def test_start__file_changed_while_down__is_recorded_with_the_difference() -> None:
    async with running() as made:
        await made.stop()
        made.config = LOOSE
        await made.start()
        await anyio.sleep(5)
        assert made.kinds("config") == ["config.loaded", "config.changed"]
        event = made.recorded("config.changed")[0].event
        assert (event.data["by"], event.data["uid"], event.level) == ("unknown", None, Level.WARNING)
        assert "limits.trip_hf 1.6 → 1.4" in str(event.message)


async def test_start__after_a_reload__holds_against_what_was_applied() -> None:
    async with running() as made:
        await reload(made, LOOSE)
        await made.crash()
        made.config = LOOSE
        await made.start()
        await anyio.sleep(5)
        assert made.kinds("config") == ["config.loaded", "config.changed"]


async def test_start__another_version__is_recorded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as made:
        await made.stop()
        monkeypatch.setattr(assembly, "__version__", "9.9.9")
        await made.start()
        await anyio.sleep(5)
        await made.stop()
        await made.start()
        await anyio.sleep(5)
        (event,) = (one.event for one in made.recorded("version"))
        assert event.data["version"] == "9.9.9"
        assert made.kinds("config") == ["config.loaded"]


async def test_start__journal_cannot_be_read__starts_and_records_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as made:
        await made.stop()

        async def fail(_self: object, _which: object) -> None:
            raise Transient(msg("the disk does not answer"))

        monkeypatch.setattr(type(made.journal), "events", fail)
        await made.start()
        await anyio.sleep(5)
        assert made.kinds("config") == ["config.loaded", "config.loaded"]

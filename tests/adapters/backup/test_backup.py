"""What is in a backup, and what a restore does: with a directory as the target."""

import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anyio
import pytest
import zstandard
from anyio.from_thread import start_blocking_portal

from tests.adapters.backup.rig import DAY_MS, DIRECTORY, LEAKED, NOON_MS, House, events_in, told
from tests.adapters.notion.rig import values
from tests.fakes.notion import NotionApi
from tests.system.installation import wait_for
from ultrad import app
from ultrad.adapters.backup import scratch
from ultrad.adapters.journal import open_journal
from ultrad.adapters.notion import settings
from ultrad.errors import Permanent, Transient
from ultrad.paths import Paths
from ultrad.units import Now

NOTION = '[notion]\ntoken = "{at}/notion"\ndatabase = "' + NotionApi.DATABASE + '"\n'


def test_backup__restored__is_all_that_was_there(house: House) -> None:
    (house.at / "state/flag/estop").write_text('{"code": "hf_low"}')
    run = house.back_up()
    assert [(one.target, one.kept, one.error) for one in run.brought] == [("local", True, None)]
    restored = house.restore("back")
    back = house.at / "back"
    assert sorted(one.name for one in back.iterdir()) == ["config", "flag.json", "journal.db", "manifest.json"]
    assert events_in(back / "journal.db") == restored.events == run.events == 20
    assert told(back / "flag.json") == {"state": "present", "text": '{"code": "hf_low"}', "error": ""}
    assert (back / "config/ultrad.toml").read_text() == house.config.read_text()
    assert {(one.stat().st_mode & 0o777) for one in (back / "journal.db", back / "manifest.json")} == {0o600}
    assert back.stat().st_mode & 0o777 == 0o700
    assert house.drill().error is None


def test_backup__opened_with_common_tools__is_a_tar_in_zstd(house: House) -> None:
    house.back_up()
    with (
        (house.at / "vault" / house.good()[0]).open("rb") as raw,
        zstandard.ZstdDecompressor().stream_reader(raw) as plain,
        tarfile.open(fileobj=plain, mode="r|") as tar,
    ):
        assert [one.name for one in tar] == ["journal.db", "config/ultrad.toml", "flag.json", "manifest.json"]


def test_backup__secret_that_stands_in_the_configuration__is_taken_out(house: House) -> None:
    house.config.write_text(f"# formerly {LEAKED}\n" + house.config.read_text())
    house.back_up()
    house.restore("back")
    text = (house.at / "back/config/ultrad.toml").read_text()
    assert "SECRET-REMOVED" in text
    found = b"".join(one.read_bytes() for one in (house.at / "back").rglob("*") if one.is_file())
    assert LEAKED.encode() not in found
    assert str(house.identity).encode() not in found


def test_backup__mistake_elsewhere_in_the_configuration__is_made_all_the_same_and_says_so(house: House) -> None:
    (house.at / "rpc").unlink()
    run = house.back_up()
    assert [one.kept for one in run.brought] == [True]
    assert "ultrad check" in str(run.missing[0])


def test_backup__state_in_use__nothing_of_it_is_touched(house: House) -> None:
    before = house.journal.read_bytes()
    house.back_up()
    assert house.journal.read_bytes() == before
    assert not (house.at / "state/scratch/work").exists()


# ---------------------------------------------------------------- the journal

_WRITER = """
import sys, anyio
from pathlib import Path
from ultrad.adapters.journal import open_journal
from ultrad.adapters.notion import settings
from ultrad.core.events import Event, Level
from ultrad.i18n import msg
from ultrad.units import Now
async def go():
    journal = open_journal(Path(sys.argv[1]), thin_after_hours=24)
    while True:
        await journal.append(Event("test.noise", Level.INFO, Now(1, 1), msg("noise"), {"text": "x" * 500}))
anyio.run(go)
"""


def test_backup__while_another_process_writes__is_one_moment_with_its_whole_chain(house: House) -> None:
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(house.journal)]) as writer:
        try:
            wait_for(lambda: events_in(house.journal) > 30, "the writer")
            runs = [house.back_up(NOON_MS + number) for number in range(4)]
        finally:
            writer.kill()
    counts = [run.events for run in runs]
    assert counts == sorted(set(counts))
    for name, run in zip(house.good(), runs, strict=True):
        drilled = house.drill(name=name)
        assert (drilled.error, drilled.events) == (None, run.events)


def test_backup__journal_damaged__is_refused_and_the_good_ones_stay(house: House) -> None:
    house.record(200)
    house.back_up()
    with house.journal.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 8192)
    with pytest.raises((Permanent, Transient), match="damaged"):
        house.back_up(NOON_MS + 1)
    assert len(house.good()) == 1


def test_backup__journal_missing__is_told(house: House) -> None:
    house.journal.unlink()
    with pytest.raises(Transient, match=r"journal\.db"):
        house.back_up()


def test_restored_journal__without_its_marker__starts_with_the_stop_on(house: House) -> None:
    house.back_up()
    house.restore("back")
    state = house.at / "new"
    state.mkdir()
    (house.at / "back/journal.db").rename(state / "journal.db")
    house.config.write_text(house.config.read_text().replace(f"{house.at}/state", str(state)))
    paths = Paths.of(house.vaults().settings)
    journal = open_journal(paths.journal, thin_after_hours=24)
    causes = app._read_before(paths, journal).make_causes(Now(NOON_MS, 1))
    anyio.run(journal.close)
    assert [one.code for one in causes] == ["marker_missing"]


# ---------------------------------------------------------------- Notion


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[NotionApi]:
    """Notion, in a thread of its own; the program finds it where the real one is."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(NotionApi().serving()) as api:
        near = partial(settings.NotionSettings, base_url=api.url, pace_s=0.0, timeout_s=5.0)
        monkeypatch.setattr(settings, "NotionSettings", near)
        yield api


def test_backup__rows_of_notion__are_all_in_it(tmp_path: Path, api: NotionApi) -> None:
    house = House(tmp_path, DIRECTORY, more=NOTION)
    house.secret("notion", api.TOKEN)
    ids = [api.add(**values()) for _ in range(230)]
    run = house.back_up()
    assert (run.rows, run.missing) == (230, ())
    house.restore("back")
    text = (tmp_path / "back/notion.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line)["id"] for line in text.splitlines()] == ids
    assert api.TOKEN not in text


def test_backup__notion_refuses__is_partial_and_says_so(tmp_path: Path, api: NotionApi) -> None:
    assert api.url
    house = House(tmp_path, DIRECTORY, more=NOTION)
    house.secret("notion", "ntn_" + "0" * 40)
    run = house.back_up()
    assert [one.kept for one in run.brought] == [True]
    assert run.rows is None
    assert "Notion" in str(run.missing[0])
    assert house.restore("back").missing == run.missing
    assert not (tmp_path / "back/notion.jsonl").exists()


# ---------------------------------------------------------------- restoring


def test_restore__directory_that_is_not_empty__is_refused_and_untouched(house: House) -> None:
    house.back_up()
    (house.at / "back").mkdir()
    (house.at / "back/mine").write_text("x")
    with pytest.raises(Permanent, match="not an empty directory"):
        house.restore("back")
    assert [one.name for one in (house.at / "back").iterdir()] == ["mine"]


@pytest.mark.parametrize("to", ["state", "state/new", ".", "state/../state/x"])
def test_restore__into_the_live_state__is_refused(house: House, to: str) -> None:
    house.back_up()
    before = house.journal.read_bytes()
    with pytest.raises(Permanent, match="state directory"):
        house.restore(to)
    assert house.journal.read_bytes() == before


def test_restore__of_a_name__gives_that_one(house: House) -> None:
    house.back_up()
    house.record(5)
    house.back_up(NOON_MS + DAY_MS)
    older, newer = house.good()
    assert house.restore("a", name=older).events == 20
    assert house.restore("b").name == newer
    for unknown in ("ultrad-staging-20200101T000000000Z.tar.zst", "../../etc/passwd"):
        with pytest.raises(Permanent, match="no backup"):
            house.restore("c", name=unknown)
    with pytest.raises(Permanent, match="no target"):
        house.restore("c", target="moon")
    assert not (house.at / "c").exists()


def test_restore__of_another_environment__is_none(house: House) -> None:
    house.back_up()
    house.config.write_text(
        house.config.read_text().replace('"staging"', '"production"').replace("sepolia", "ethereum")
    )
    with pytest.raises(Permanent, match="no good backup"):
        house.restore("back")


# ---------------------------------------------------------------- room, and one at a time


def test_backup__no_room_beside_the_daemon__is_refused_before_anything_is_written(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "ROOM_LEFT_BYTES", 2**62)
    with pytest.raises(Transient, match="make room"):
        house.back_up()
    assert list((house.at / "vault").iterdir()) == []


def test_backup__another_under_way__is_refused(house: House) -> None:
    with scratch.scratch(house.at / "state/scratch", 0), pytest.raises(Transient, match="under way"):
        house.back_up()
    assert house.back_up().brought[0].kept


def test_backup__no_target__says_that_there_is_none(tmp_path: Path) -> None:
    house = House(tmp_path, "")
    assert not house.back_up().look.configured


# ---------------------------------------------------------------- letting go


def test_backup__a_year_of_them__leaves_what_is_kept_and_all_that_is_not_ours(house: House) -> None:
    vault = house.at / "vault"
    for foreign in ("notes.txt", "ultrad-production-20200101T000000000Z.tar.zst", "ultrad-staging-2020.tar.zst"):
        (vault / foreign).write_text("x")
    house.back_up(NOON_MS - 400 * DAY_MS)
    first = house.good()[0]
    (vault / "ultrad-staging-20240101T000000000Z.tar.zst.part").write_text("left")
    for days in (100, 99, 31, 30, 1):
        house.back_up(NOON_MS - days * DAY_MS)
    run = house.back_up(NOON_MS)
    names = sorted(one.name for one in vault.iterdir())
    assert not {one for one in names if first in one or ".part" in one}
    assert {"notes.txt", "ultrad-production-20200101T000000000Z.tar.zst", "ultrad-staging-2020.tar.zst"} < set(
        names
    )
    ages = [(NOON_MS - one.at_ms) // DAY_MS for one in house.lying() if one.good]
    assert ages == [100, 31, 30, 1, 0]
    assert run.look.targets[0].good == 5
    assert all(house.drill(name=name).error is None for name in house.good())

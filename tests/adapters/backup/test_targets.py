"""A bucket on a real S3 server that fails in the middle, and archives that are spoilt: what is good stays good."""

import os
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyrage
import pytest

from tests.adapters.backup.rig import BUCKET, DAY_MS, NOON_MS, House
from tests.core.test_backups import MANIFEST
from tests.fakes.bucket_gate import BucketGate
from ultrad import backups
from ultrad.adapters.backup import archive
from ultrad.core.backups import Receipt, name_of
from ultrad.errors import Permanent, Transient


def _kept(house: House, at_ms: int) -> dict[str, bool]:
    return {one.target: one.kept for one in house.back_up(at_ms).brought}


def _why(house: House, at_ms: int) -> str:
    return next(str(one.error) for one in house.back_up(at_ms).brought if one.target == "outside")


def test_bucket__backup__is_encrypted_listed_and_restored(both: House) -> None:
    run = both.back_up()
    assert [(one.target, one.kept, one.error) for one in run.brought] == [
        ("local", True, None),
        ("outside", True, None),
    ]
    (name,) = both.good("outside")
    assert name == name_of("staging", NOON_MS, encrypted=True)
    assert both.drill("outside").events == 20
    assert both.restore("back", "outside", identity=str(both.identity)).events == 20
    assert run.look.targets[1].free_bytes is None


def test_bucket__old_ones__are_let_go(both: House) -> None:
    for days in (100, 99):
        both.back_up(NOON_MS - days * DAY_MS)
    assert both.back_up().brought[1].removed == 1
    ages = [(NOON_MS - one.at_ms) // DAY_MS for one in both.lying("outside")]
    assert ages == [100, 0]


# ---------------------------------------------------------------- failures


def test_bucket__wrong_key__is_refused_told_without_it_and_stops_no_other(both: House) -> None:
    both.back_up()
    both.secret("access", "AKIAWRONGKEY")
    (local, outside) = both.back_up(NOON_MS + 1).brought
    assert local.kept
    assert not outside.kept
    assert "refuses us" in str(outside.error)
    assert "AKIAWRONGKEY" not in str(outside.error)
    with pytest.raises(Permanent, match="refuses us"):
        both.lying("outside")
    both.secret("access", "AKIAULTRADTEST")
    assert len(both.good("outside")) == 1
    assert both.drill("outside").error is None


def test_bucket__down__is_told_and_what_was_good_is_good_when_it_is_back(both: House, gate: BucketGate) -> None:
    both.back_up()
    gate.down = True
    assert _kept(both, NOON_MS + 1) == {"local": True, "outside": False}
    look = backups.look(both.vaults())
    assert [one.error is None for one in look.targets] == [True, False]
    assert len(backups.listing(both.vaults()).errors) == 1
    assert both.restore("back").target == "local"
    gate.calm()
    assert len(both.good("outside")) == 1
    assert _kept(both, NOON_MS + 2)["outside"]


def test_bucket__not_there__is_told(both: House) -> None:
    both.config.write_text(
        both.config.read_text().replace('bucket = "ultrad-backups"', 'bucket = "no-such-bucket"')
    )
    assert "is not there" in _why(both, NOON_MS)


def test_directory__not_mounted__is_told_and_never_made(house: House) -> None:
    (house.at / "vault").rmdir()
    (brought,) = house.back_up().brought
    assert "is not there" in str(brought.error)
    assert not (house.at / "vault").exists()


def _cuts(house: House, gate: BucketGate, rounds: int, seed: int) -> None:
    """Cut the way at a random byte of each round; whatever is listed can be restored, and nothing good is lost."""
    chance = random.Random(seed)  # noqa: S311 - the same each time
    house.back_up()
    good = house.good("outside")
    for number in range(1, rounds + 1):
        place = chance.choice(("cut_in", "cut_out"))
        setattr(gate, place, chance.randrange(1, 60_000 if place == "cut_in" else 20_000))
        run = house.back_up(NOON_MS + number)
        gate.calm()
        found = house.good("outside")
        assert set(good) <= set(found)
        kept = run.brought[1].kept
        assert len(found) - len(good) in (
            {1} if kept else {0, 1}
        )  # the receipt may have arrived, and its answer not
        for name in set(found) - set(good):
            assert house.drill("outside", name).error is None
        good = found
    assert all(house.drill("outside", name).error is None for name in good)


def test_bucket__way_cut_in_the_middle__never_a_bad_one_listed(both: House, gate: BucketGate) -> None:
    _cuts(both, gate, 3, 1)


@pytest.mark.prove
def test_bucket__way_cut_a_hundred_times__never_a_bad_one_listed(both: House, gate: BucketGate) -> None:
    _cuts(both, gate, 100, 2)


def test_bucket__bytes_spoilt_on_the_way__are_found_when_it_is_read_back(both: House, gate: BucketGate) -> None:
    """Where the service itself notices nothing."""
    both.back_up()
    gate.spoil = lambda part: part.replace(b"age-encryption.org/v1", b"age-encryption.org/v2")
    why = _why(both, NOON_MS + 1)
    gate.calm()
    assert "spoilt" in why or "failed" in why
    assert len(both.good("outside")) == 1
    assert both.drill("outside").error is None


# ---------------------------------------------------------------- spoilt archives, wrong keys


def _flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x10]))


def test_archive__spoilt_since__is_not_restored_and_counts_as_good_no_more(house: House) -> None:
    house.back_up()
    house.back_up(NOON_MS + 1)
    older, newer = house.good()
    _flip(house.at / "vault" / newer, 500)
    with pytest.raises(Permanent, match="spoilt"):
        house.restore("back")
    assert not (house.at / "back").exists()
    assert "spoilt" in str(house.drill().error)
    assert house.good() == [older]
    assert (house.at / "vault" / newer).exists()
    assert house.drill().error is None
    assert house.restore("back").name == older


def test_archive__cut_short_or_gone__is_not_listed_as_good(house: House) -> None:
    house.back_up()
    house.back_up(NOON_MS + 1)
    older, newer = house.good()
    with (house.at / "vault" / newer).open("r+b") as file:
        file.truncate(100)
    assert house.good() == [older]
    (house.at / "vault" / newer).unlink()
    assert house.good() == [older]
    with pytest.raises(Permanent, match="not good"):
        house.restore("back", name=newer)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", "x" * 200_000, "[" * 50_000])
def test_receipt__damaged__makes_nothing_good(house: House, text: str) -> None:
    house.back_up()
    (name,) = house.good()
    (house.at / "vault" / f"{name}.json").write_text(text)
    assert house.good() == []
    assert len(house.lying()) == 1


def test_archive__wrong_key__cannot_be_opened_and_stays_good(both: House) -> None:
    both.back_up()
    other = str(pyrage.x25519.Identity.generate())
    with pytest.raises(Permanent, match="cannot be decrypted"):
        both.restore("back", "outside", identity=other)
    both.secret("key", other)
    assert "cannot be decrypted" in str(both.drill("outside").error)
    assert len(both.good("outside")) == 1
    with pytest.raises(Permanent, match="no age identity"):
        both.restore("back", "outside", identity="AGE-SECRET-KEY-1NONSENSE")


def test_archive__no_key_on_the_machine__is_compared_and_not_opened(both: House) -> None:
    both.back_up()
    both.with_key = False
    both.write()
    drilled = both.drill("outside")
    assert (drilled.error, drilled.opened) == (None, False)
    with pytest.raises(Permanent, match="--identity"):
        both.restore("back", "outside")
    assert both.restore("back", "outside", identity=str(both.identity)).events == 20


def test_drill__target_without_a_backup__fails(house: House) -> None:
    assert "no good backup" in str(house.drill().error)


def test_targets__way_back_is_cut_once__restore_tries_again_or_says_so(both: House, gate: BucketGate) -> None:
    both.back_up()
    gate.cut_out = 4_000
    try:
        both.restore("back", "outside", identity=str(both.identity))
    except Transient:
        assert not (both.at / "back").exists()
        both.restore("back", "outside", identity=str(both.identity))
    assert both.good("outside")


@pytest.mark.prove
def test_bucket__archive_that_goes_in_parts__arrives_and_what_a_dead_one_left_is_ended(
    both: House, gate: BucketGate
) -> None:
    """Above 100 MB the upload is one in parts."""
    big, size = both.at / "big", 130_000_000
    with big.open("wb") as file:
        for _ in range(130):
            file.write(os.urandom(size // 130))
    digest, _ = archive.digest(big)
    store: Any = backups.store_of(both.vaults().targets[1])
    name = name_of("staging", NOON_MS, encrypted=True)
    gate.cut_in = 80_000_000
    with suppress(Transient):
        store.put(big, Receipt(name, size, digest, MANIFEST))
    gate.calm()
    store.put(big, Receipt(name, size, digest, MANIFEST))
    (backup,) = store.backups("staging")
    store.fetch(backup, both.at / "back")
    assert archive.digest(both.at / "back") == (digest, size)
    folder = store._root.removeprefix(f"{BUCKET}/")
    store._fs.call_s3("create_multipart_upload", Bucket=BUCKET, Key=f"{folder}/{name}.part")
    store.abort_uploads("staging", 2**53)
    assert not store._fs.call_s3("list_multipart_uploads", Bucket=BUCKET, Prefix=folder).get("Uploads")

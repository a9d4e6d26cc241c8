"""How the devnet is built: whole or not at all, and with an answer where it cannot be."""

import os
import shutil
from pathlib import Path

import pytest

from ultrad.devnet import build as building
from ultrad.devnet import toolchain
from ultrad.devnet.build import Build, ensure_built, planned
from ultrad.errors import Permanent
from ultrad.i18n import Message, msg

WHAT = msg("trying")


class Told:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, message: Message) -> None:
        self.lines.append(str(message))


def test_stage__interrupted__is_not_taken_for_complete(tmp_path: Path) -> None:
    target, told = tmp_path / "packages-1", Told()

    def interrupted(part: Path) -> None:
        (part / "half").touch()
        raise KeyboardInterrupt

    def whole(part: Path) -> None:
        assert not list(part.iterdir())
        (part / "all").touch()

    with pytest.raises(KeyboardInterrupt):
        building._stage(target, WHAT, interrupted, told)
    assert not target.exists()
    building._stage(target, WHAT, whole, told)
    assert [path.name for path in tmp_path.iterdir()] == ["packages-1"]
    assert [path.name for path in target.iterdir()] == ["all"]


def test_stage__made_anew__replaces_the_one_before_and_no_other(tmp_path: Path) -> None:
    for name in ("market-old", "contracts-x"):
        (tmp_path / name).mkdir()
    building._stage(tmp_path / "market-new", WHAT, lambda _: None, Told())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contracts-x", "market-new"]


def test_name__any_input_changed__is_another(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"a")
    two.write_bytes(b"b")
    first = building._name(tmp_path, "stage", (one, two), "before")
    assert building._name(tmp_path, "stage", (one, two), "after") != first
    one.write_bytes(b"ab")
    two.write_bytes(b"")
    assert building._name(tmp_path, "stage", (one, two), "before") != first


def test_build__up_to_date__says_and_makes_nothing(devnet_build: Build) -> None:
    told = Told()
    assert ensure_built(told) == devnet_build == planned(building.cache_dir())
    assert told.lines == []


def test_cache__named_by_the_environment__is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ULTRAD_CACHE", str(tmp_path))
    assert building.cache_dir() == tmp_path / "devnet"


def test_node__missing_and_no_way_to_install__says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Permanent, match="sudo apt-get install nodejs npm"):
        toolchain.ensure_node(Told())


@pytest.mark.parametrize("uid", [0, 1000])
def test_node__missing_on_debian__is_installed_by_root_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int
) -> None:
    """A stand-in for apt-get, which writes down what it was asked and puts a node there when told to install."""
    script = f"""#!{shutil.which("sh")}
echo "$*" >> {tmp_path}/asked
[ "$1" = install ] || exit 0
for tool in node npm; do
  printf '#!/bin/sh\\necho v18.20.4\\n' > {tmp_path}/$tool
  {shutil.which("chmod")} +x {tmp_path}/$tool
done
"""
    (tmp_path / "apt-get").write_text(script)
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    if uid == 0:
        toolchain.ensure_node(Told())
        asked = (tmp_path / "asked").read_text().splitlines()
        assert asked == ["update -q", "install -q -y --no-install-recommends nodejs npm"]
    else:
        with pytest.raises(Permanent, match="were not found"):
            toolchain.ensure_node(Told())
        assert not (tmp_path / "asked").exists()


def test_node__too_old__is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in ("node", "npm"):
        (tmp_path / tool).write_text("#!/bin/sh\necho v16.20.2\n")
        (tmp_path / tool).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Permanent, match=r"v16\.20\.2 is too old"):
        toolchain.ensure_node(Told())


def test_lock__names_no_host() -> None:
    lock = toolchain.NPM_FILES[1].read_text()
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') == lock.count('"node_modules/')

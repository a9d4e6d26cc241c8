"""Every sentence an operator can read exists in each language."""

from pathlib import Path

import pytest

from tests import catalogue
from tests.catalogue import LANGUAGES, faults


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue__every_sentence__is_translated_with_the_same_figures(language: str) -> None:
    assert faults(language) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_update__nothing_new__leaves_every_byte_with_the_glossary(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = catalogue._path(language).read_bytes()
    copy = tmp_path / "ultrad.po"
    copy.write_bytes(before)
    monkeypatch.setattr(catalogue, "_path", lambda _: copy)
    catalogue.update(language)
    assert copy.read_bytes() == before
    assert before.startswith(b"#")


def test_update__first_time__makes_a_catalogue_without_translations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "_path", lambda _: tmp_path / "new/ultrad.po")
    catalogue.update("fr")
    assert (tmp_path / "new/ultrad.po").read_bytes().startswith(b'msgid ""')
    assert len(faults("fr")) > 100

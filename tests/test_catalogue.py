"""Every sentence an operator can read exists in each language."""

import pytest

from tests.catalogue import LANGUAGES, faults


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue__every_sentence__is_translated_with_the_same_figures(language: str) -> None:
    assert faults(language) == []

"""The commands that the documents tell operators to type."""

import re
import shlex
from pathlib import Path

import pytest

from ultrad.cli import parser
from ultrad.i18n import ENGLISH

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "docs/runbook.md", "docs/runbook.ja.md")
_PLACEHOLDER = re.compile(r"\bN\b")


def commands(document: str) -> list[list[str]]:
    """Every `ultrad …`, inline or on a line of a block, with its options; less the devnet's, which is a tool."""
    text = (ROOT / document).read_text(encoding="utf-8")
    *blocks, inline = [*re.findall(r"(?ms)^```\n(.*?)^```", text), re.sub(r"(?ms)^```\n.*?^```", "", text)]
    lines = [line for block in blocks for line in block.splitlines()] + re.findall(r"`([^`]+)`", inline)
    typed = [
        shlex.split(_PLACEHOLDER.sub("1", line), comments=True) for line in lines if line.startswith("ultrad ")
    ]
    return [argv[1:] for argv in typed if argv[1][0].isalpha() and argv[1] != "devnet"]


def _named_in_code() -> set[str]:
    """Every rule of trading, and every cause of a stop that trading makes, as the code names them."""
    patterns = (
        r"(?:_skip|_reject|Refusal)\(\s*\"(\w+)\"",
        r"^REPEATED = \"(\w+)\"",
        r"trade_cause\(\s*\"(\w+)\"",
    )
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for part in ("core/admission.py", "trader", "jobs", "watchdog")
        for path in ([ROOT / "ultrad" / part] if part.endswith(".py") else (ROOT / "ultrad" / part).glob("*.py"))
    )
    return {name for pattern in patterns for name in re.findall(pattern, text, re.MULTILINE)}


@pytest.mark.parametrize("document", ["docs/runbook.md", "docs/runbook.ja.md"])
def test_runbook__each_rule_and_each_stop_of_trading__is_explained(document: str) -> None:
    named = _named_in_code()
    assert {"confidence", "repeated", "hf_unknown", "signal_burst", "octobot_silent"} <= named
    told = set(re.findall(r"`(\w+)`", (ROOT / document).read_text(encoding="utf-8")))
    assert named - told == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents__each_command__exists_as_it_stands_there(document: str) -> None:
    found = commands(document)
    assert len(found) > 10
    for argv in found:
        try:
            parser.build(ENGLISH, argv).parse_args(argv)
        except SystemExit:
            pytest.fail(f"{document}: ultrad {shlex.join(argv)}")


def test_runbook__both_languages__tell_the_same_commands() -> None:
    """Texts in quotes are translated, so only the options count."""

    def bare(document: str) -> list[list[str]]:
        return [[word for word in argv if word.isascii() and " " not in word] for argv in commands(document)]

    english, japanese = bare("docs/runbook.md"), bare("docs/runbook.ja.md")
    assert [argv[:3] for argv in english] == [argv[:3] for argv in japanese]

"""What a data source's properties must be.

Source: developers.notion.com, "Data source object" (`properties`: name → id, name, type, and under the type's name
its configuration; select and status have `options`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from ultrad.adapters.notion.settings import Names
from ultrad.core.signals import Action
from ultrad.i18n import Message, msg

Json = dict[str, object]
TEXTS = ("rich_text", "title")
"""Types that hold text. One property of each data source is of type title, whichever its owners chose."""
CHOICES = ("select", "status")


@dataclass(frozen=True, slots=True)
class Schema:
    """One data source: its id, and what its properties are."""

    id: str
    properties: Mapping[str, Json]

    def type_of(self, name: str) -> str:
        """The type of a property; empty where there is none of this name."""
        kind = self.properties.get(name, {}).get("type")
        return kind if isinstance(kind, str) else ""

    def options(self, name: str) -> frozenset[str]:
        """What can be chosen in a select or status."""
        configuration = self.properties.get(name, {}).get(self.type_of(name))
        options = configuration.get("options") if isinstance(configuration, dict) else None
        names = (one.get("name") for one in options or () if isinstance(one, dict))
        return frozenset(one for one in names if isinstance(one, str))

    def faults(self, names: Names) -> tuple[Message, ...]:
        """What is missing or of a wrong type, in the order in which the properties are documented."""
        return tuple(self._faults(names))

    def faults_of_choice(self, names: Names) -> tuple[Message, ...]:
        """Those without which no row can be told from another: of Action and Status."""
        return (
            *self._of_type(names.action, "select"),
            *self._of_type(names.status, *CHOICES),
            *self._with_options(names.status, names.open, names.done),
        )

    def _faults(self, names: Names) -> Iterator[Message]:
        yield from self._of_type(names.url, "url", *TEXTS)
        yield from self._of_type(names.summary, *TEXTS)
        yield from self._of_type(names.sentiment, "select")
        yield from self._of_type(names.action, "select")
        yield from self._with_options(names.action, *Action)
        yield from self._of_type(names.confidence, "number")
        yield from self._of_type(names.status, *CHOICES)
        yield from self._with_options(names.status, names.open, names.done)
        yield from self._of_type(names.timestamp, "date")
        yield from self._of_type(names.result, *TEXTS)

    def _of_type(self, name: str, *types: str) -> Iterator[Message]:
        found = self.type_of(name)
        wanted = " / ".join(types)
        if not found:
            yield msg(
                "Notion property {name} is missing: add it with the type {wanted}.", name=name, wanted=wanted
            )
        elif found not in types:
            yield msg(
                "Notion property {name} has the type {found}: change it to {wanted}.",
                name=name,
                found=found,
                wanted=wanted,
            )

    def _with_options(self, name: str, *options: str) -> Iterator[Message]:
        if self.type_of(name) not in CHOICES:
            return  # said already
        known = self.options(name)
        for option in options:
            if option not in known:
                yield msg("Notion property {name} lacks the option {option}: add it.", name=name, option=option)


def schema_of(content: Json) -> Schema | None:
    """The schema in a data source object; None where it is none."""
    identity, properties = content.get("id"), content.get("properties")
    if not isinstance(identity, str) or not isinstance(properties, dict):
        return None
    if not all(isinstance(one, dict) for one in properties.values()):
        return None
    return Schema(identity, cast("dict[str, Json]", properties))

"""What Notion takes and what it rejects, for the stand-in: filters, sorts, and values of properties."""

from typing import Any

TIMESTAMPS = ("created_time", "last_edited_time")
CONDITIONS = {
    "select": ("equals", "does_not_equal", "is_empty", "is_not_empty"),
    "status": ("equals", "does_not_equal", "is_empty", "is_not_empty"),
}
QUERY = {"filter", "sorts", "start_cursor", "page_size", "archived", "in_trash", "result_type"}
MAX_TEXT = 2000


class RejectedError(Exception):
    """A 400, with its message."""


class NotFoundError(Exception):
    """A 404, with the id."""


def expect(true: object, what: str) -> None:
    if not true:
        raise RejectedError(f"body failed validation: {what}")


def rich(text: str) -> list[dict[str, Any]]:
    """Rich text as Notion gives it: in pieces, where formats change."""
    pieces = [text[:7], text[7:]] if len(text) > 7 else [text]
    return [
        {
            "type": "text",
            "text": {"content": one, "link": None},
            "plain_text": one,
            "href": None,
            "annotations": {},
        }
        for one in pieces
        if one
    ]


def shown(value: dict[str, Any]) -> Any:
    held = value[value["type"]]
    if value["type"] in ("rich_text", "title"):
        return "".join(one["plain_text"] for one in held)
    if value["type"] in ("select", "status"):
        return held["name"] if held else None
    return held


def configuration(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """A property of a data source."""
    kind = given["type"]
    held = dict(given.get(kind) or {})
    if "options" in held:
        held["options"] = [{"id": one, "name": one, "color": "default"} for one in held["options"]]
    return {"id": name.lower(), "name": name, "type": kind, kind: held}


# ---------------------------------------------------------------- queries


def check_query(body: Any, properties: dict[str, Any]) -> None:
    expect(isinstance(body, dict) and set(body) <= QUERY, f"unknown keys in {sorted(body)}")
    size = body.get("page_size", 100)
    expect(isinstance(size, int) and 1 <= size <= 100, "page_size should be at most 100")
    expect(str(body.get("start_cursor", "cursor-0")).startswith("cursor-"), "start_cursor")
    for sort in body.get("sorts", []):
        expect(sort.get("direction") in ("ascending", "descending"), "direction")
        expect(set(sort) == {"timestamp", "direction"} and sort["timestamp"] in TIMESTAMPS, "timestamp")
    if "filter" in body:
        _check_filter(body["filter"], properties)


def _check_filter(given: Any, properties: dict[str, Any]) -> None:
    expect(isinstance(given, dict), "filter should be an object")
    if "and" in given:
        expect(set(given) == {"and"} and isinstance(given["and"], list), "and")
        for one in given["and"]:
            _check_filter(one, properties)
        return
    if "timestamp" in given:
        name = given["timestamp"]
        expect(name in TIMESTAMPS and set(given) == {"timestamp", name}, "timestamp filter")
        expect(set(given[name]) == {"on_or_after"} and isinstance(given[name]["on_or_after"], str), "on_or_after")
        return
    name = given.get("property")
    if name not in properties:
        raise RejectedError(f"Could not find property with name or id: {name}")
    kind = properties[name]["type"]
    if set(given) != {"property", kind}:
        raise RejectedError(f"database property {name} does not match filter {sorted(given)}")
    ((condition, value),) = given[kind].items()
    expect(condition in CONDITIONS.get(kind, ()), f"condition {condition}")
    if condition.startswith("is_"):
        expect(value is True, condition)
    elif value not in properties[name][kind]["options"]:
        raise RejectedError(f'{kind} option "{value}" not found for property "{name}".')


def matches(page: dict[str, Any], given: Any) -> bool:
    if given is None:
        return True
    if "and" in given:
        return all(matches(page, one) for one in given["and"])
    if "timestamp" in given:
        return bool(page[given["timestamp"]] >= given[given["timestamp"]]["on_or_after"])
    if given["property"] not in page["properties"]:
        return False
    value = page["properties"][given["property"]]
    chosen = shown(value)
    ((condition, wanted),) = given[value["type"]].items() if value["type"] in given else [("none", None)]
    return bool(
        {
            "equals": chosen == wanted,
            "does_not_equal": chosen != wanted,
            "is_empty": chosen is None,
            "is_not_empty": chosen is not None,
            "none": False,
        }[condition]
    )


# ---------------------------------------------------------------- updates


def check_update(body: Any, properties: dict[str, Any]) -> None:
    expect(isinstance(body, dict) and set(body) == {"properties"}, "body.properties should be defined")
    for name, value in body["properties"].items():
        if name not in properties:
            raise RejectedError(f"{name} is not a property that exists.")
        kind = properties[name]["type"]
        if set(value) != {kind}:
            raise RejectedError(f"{name} is expected to be {kind}.")
        if kind in ("rich_text", "title"):
            _check_text(name, value[kind])
        elif kind in ("select", "status"):
            _check_choice(name, kind, value[kind], properties[name])
        else:
            raise RejectedError(f"{name}: nobody writes there")


def _check_text(name: str, pieces: Any) -> None:
    expect(isinstance(pieces, list) and len(pieces) <= 100, f"{name} should be an array")
    for piece in pieces:
        expect(set(piece) <= {"type", "text", "annotations"}, f"{name}: a piece of text")
        content = piece["text"]["content"]
        units = len(content.encode("utf-16-le")) // 2
        expect(units <= MAX_TEXT, f"{name}.text.content.length should be ≤ `2000`, instead was `{units}`")


def _check_choice(name: str, kind: str, chosen: Any, configured: dict[str, Any]) -> None:
    expect(isinstance(chosen, dict) and set(chosen) == {"name"}, f"{name} should name an option")
    options = configured[kind]["options"]
    if chosen["name"] not in options:
        if kind == "status":
            raise RejectedError(f'Invalid status option. Status option "{chosen["name"]}" does not exist.')
        options.append(chosen["name"])  # a select grows

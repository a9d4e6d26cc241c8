"""HTML that cannot be broken out of: whatever is not made here is text, and is escaped."""

import html


class Html(str):
    """Finished HTML."""

    __slots__ = ()


Inside = Html | str | None
"""What stands within an element: finished HTML, text, or nothing."""


def el(tag: str, *inside: Inside, **attributes: str) -> Html:
    """One element. A trailing underscore of an attribute's name is dropped (`class_`)."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for name, value in attributes.items()
    )
    return Html(f"<{tag}{written}>{join(*inside)}</{tag}>")


def void(tag: str, **attributes: str) -> Html:
    """An element without content."""
    written = "".join(f' {name.replace("_", "-")}="{html.escape(value)}"' for name, value in attributes.items())
    return Html(f"<{tag}{written}>")


def join(*inside: Inside) -> Html:
    """One after another."""
    return Html("".join(one if isinstance(one, Html) else html.escape(one or "") for one in inside))

from ultrad.core.changes import Change, Texts, changes


def _never(_key: str, _before: Texts, _after: Texts) -> bool:
    return False


def test_changes__nothing_differs__is_empty() -> None:
    assert changes({"a": "1"}, {"a": "1"}, _never) == ()


def test_changes__changed_added_and_removed__each_once_in_order() -> None:
    found = changes({"b": "1", "c": "2", "same": "x"}, {"a": "0", "b": "3", "same": "x"}, _never)
    assert found == (Change("a", None, "0"), Change("b", "1", "3"), Change("c", "2", None))


def test_changes__looser_ones__are_marked() -> None:
    found = changes(
        {"a": "1", "b": "1"},
        {"a": "2", "b": "2"},
        lambda key, before, after: key + before[key] + after[key] == "b12",
    )
    assert [(one.key, one.looser) for one in found] == [("a", False), ("b", True)]

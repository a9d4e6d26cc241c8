from hypothesis import given
from hypothesis import strategies as st

from ultrad.core.window import BUCKET_MS, RollingExtremes

WINDOW_MS = 10 * BUCKET_MS

gaps = st.integers(0, 3 * BUCKET_MS)
ranges = st.tuples(st.integers(-50, 50), st.integers(0, 50)).map(lambda pair: (pair[0], pair[0] + pair[1]))
runs = st.lists(st.tuples(gaps, ranges), max_size=40)
Seen = list[tuple[int, int, int]]


def timed(run: list[tuple[int, tuple[int, int]]], start_ms: int) -> Seen:
    found, now = [], start_ms
    for gap, (low, high) in run:
        now += gap
        found.append((now, low, high))
    return found


def brute(seen: Seen, at_ms: int) -> tuple[int, int] | None:
    """By the words: a minute leaves when all of it is older than the window."""
    inside = [one for one in seen if (one[0] // BUCKET_MS + 1) * BUCKET_MS > at_ms - WINDOW_MS]
    return (min(low for _, low, _ in inside), max(high for *_, high in inside)) if inside else None


def size(window: RollingExtremes) -> int:
    return max(len(window._lows), len(window._highs))


@given(runs, st.integers(0, 10**6), gaps)
def test_extremes__any_run__are_those_of_brute_force_at_every_moment(
    run: list[tuple[int, tuple[int, int]]], start_ms: int, wait_ms: int
) -> None:
    window, seen = RollingExtremes(WINDOW_MS), Seen()
    for at_ms, low, high in timed(run, start_ms):
        assert window.extremes(at_ms) == brute(seen, at_ms)
        window.add(at_ms, low, high)
        seen.append((at_ms, low, high))
        assert window.extremes(at_ms) == brute(seen, at_ms)
    end_ms = (seen[-1][0] if seen else start_ms) + wait_ms
    assert window.extremes(end_ms) == brute(seen, end_ms)
    assert window.extremes(end_ms + WINDOW_MS + 2 * BUCKET_MS) is None


@given(runs, runs, st.integers(0, 30 * BUCKET_MS), st.lists(gaps, max_size=8))
def test_prepend__history_that_may_overlap__is_as_if_seen_in_order(
    older: list[tuple[int, tuple[int, int]]],
    newer: list[tuple[int, tuple[int, int]]],
    offset_ms: int,
    waits_ms: list[int],
) -> None:
    past, since = timed(older, 0), timed(newer, offset_ms)
    window = RollingExtremes(WINDOW_MS)
    for one in since:
        window.add(*one)
    window.prepend(past)
    at_ms = max((one[0] for one in (*past, *since)), default=0)
    for wait_ms in (0, *waits_ms):
        at_ms += wait_ms
        assert window.extremes(at_ms) == brute([*past, *since], at_ms)


def test_prepend__history_newer_than_what_was_seen__outlives_it() -> None:
    window = RollingExtremes(WINDOW_MS)
    window.add(9 * BUCKET_MS, 4, 6)
    window.prepend([(10 * BUCKET_MS, 5, 5)])
    assert window.extremes(10 * BUCKET_MS) == (4, 6)
    assert window.extremes(10 * BUCKET_MS + WINDOW_MS) == (5, 5)


def test_extremes__exactly_the_window_later__still_counts_the_whole_minute() -> None:
    window = RollingExtremes(WINDOW_MS)
    window.add(BUCKET_MS - 1, 1, 1)
    assert window.extremes(WINDOW_MS + BUCKET_MS - 1) == (1, 1)
    assert window.extremes(WINDOW_MS + BUCKET_MS) is None


def test_add__values_that_only_rise_or_fall__keeps_one_entry_a_minute() -> None:
    window = RollingExtremes(WINDOW_MS)
    for n in range(5_000):
        window.add(n * 250, n, -n)
        window.add(n * 250, -n, n)
        window.extremes(n * 250)
    assert size(window) <= WINDOW_MS // BUCKET_MS + 2
    rising = RollingExtremes(WINDOW_MS)
    for n in range(5_000):
        rising.add(n * 250, n, n)
        rising.extremes(n * 250)
    assert size(rising) <= WINDOW_MS // BUCKET_MS + 2


def test_clear__after_values__knows_nothing() -> None:
    window = RollingExtremes(WINDOW_MS)
    window.add(0, 1, 2)
    window.clear()
    assert window.extremes(0) is None


@given(runs, st.integers(1, 10))
def test_extremes__window_made_shorter__are_those_of_the_shorter_one(
    run: list[tuple[int, tuple[int, int]]], minutes: int
) -> None:
    window, short = RollingExtremes(WINDOW_MS), RollingExtremes(minutes * BUCKET_MS)
    for at_ms, low, high in timed(run, 0):
        window.add(at_ms, low, high)
        short.add(at_ms, low, high)
    window.window_ms = short.window_ms
    assert window.extremes(10**6) == short.extremes(10**6)


@given(runs, runs)
def test_extremes__window_made_longer_and_what_it_lacks_prepended__are_those_of_the_longer_one(
    early: list[tuple[int, tuple[int, int]]], late: list[tuple[int, tuple[int, int]]]
) -> None:
    window, long = RollingExtremes(BUCKET_MS), RollingExtremes(WINDOW_MS)
    seen = timed(early + late, 0)
    for at_ms, low, high in seen:
        window.extremes(at_ms)
        window.add(at_ms, low, high)
        long.add(at_ms, low, high)
    window.window_ms = WINDOW_MS
    window.prepend(seen)
    now_ms = seen[-1][0] if seen else 0
    assert window.extremes(now_ms) == long.extremes(now_ms)

"""Statistics and the page, from rows that are made up. `pytest bench`."""

from pathlib import Path

import pytest

from bench.figures import Spread, aims, percentile, ratio, spread, wall
from bench.profiling import shares
from bench.report import page, table
from bench.results import Results, Row


def row(contestant: str, run: int, wall_seconds: float, step: str = "create", writes: int = 800) -> Row:
    return Row(
        contestant, 100, run, step, 100, wall_seconds, 2.0, 50.0, 40.0, {"patch webapps": writes}, writes
    )


ROWS = [row("raw", 1, 1.0), row("raw", 2, 4.0), row("longshore", 1, 1.2), row("longshore", 2, 4.4)]


def test_a_ratio_is_taken_within_a_run_so_that_a_slow_run_cancels_out() -> None:
    found = ratio(ROWS, "longshore", "raw", 100, "create", wall)
    assert found is not None
    assert found.least == pytest.approx(1.1)
    assert found.most == pytest.approx(1.2)
    assert found.middle == pytest.approx(1.15)


def test_what_was_not_measured_has_no_figure() -> None:
    assert spread(ROWS, "kopf", 100, "create", wall) is None
    assert ratio(ROWS, "longshore", "go", 100, "create", wall) is None
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])


@pytest.mark.parametrize(("share", "value"), [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.0, 1.0)])
def test_percentiles_by_nearest_rank(share: float, value: float) -> None:
    assert percentile([float(each) for each in range(100, 0, -1)], share) == value


def test_aims_are_met_missed_or_open() -> None:
    found = {aim.what: aim for aim in aims([*ROWS, row("longshore", 1, 60.0, "idle", writes=3)], 100, 1000)}
    assert found["Wall time of create, to raw"].met
    assert not found["Writes of idle"].met
    assert found["Writes of idle"].reached == "3.00"
    assert found["Wall time of update, to go"].reached is None


def test_the_page_says_what_was_reached_and_what_is_open() -> None:
    made = page(ROWS, [100], 1000)
    assert "| Wall time of create, to raw | at most 1.25 | 1.15 | met |" in made
    assert "| not measured | open |" in made
    assert "| longshore | 2.80 (1.20 to 4.40) | 1.15 |" in made


def test_a_table_has_a_line_for_each_row() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_results_are_taken_up_where_they_were_left(tmp_path: Path) -> None:
    first = Results(tmp_path / "results.json")
    first.add(ROWS[:2])
    again = Results(tmp_path / "results.json")
    assert again.rows == ROWS[:2]
    assert again.has("raw", 100, 2)
    assert not again.has("longshore", 100, 1)


def test_a_stack_counts_for_the_innermost_frame_that_is_known() -> None:
    outer = "run (asyncio/runners.py:118);_work (longshore/runtime/operator.py:10)"
    decided = f"{outer};decide (longshore/webapp/decide.py:3);<listcomp> (unheard/of.py:1)"
    sent = f"{outer};_request (longshore/cluster/client.py:9);send (aiohttp/client_reqrep.py:7)"
    assert shares([f"{decided} 30", f"{sent} 60", "start (elsewhere.py:1) 10"]) == {
        "HTTP in Python (aiohttp)": 0.6, "deciding and building": 0.3, "else": 0.1,
    }  # fmt: skip

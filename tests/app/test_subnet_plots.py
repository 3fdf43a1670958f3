"""The plot of subnets and the drawing of one: what they show, and what mouse and keys do there."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from app.pages.specialise.networks import LEGEND_HELP, Point, front_of
from app.pages.specialise.scatter_plot import ScatterPlot
from app.pages.specialise.subnet_drawing import SubnetDrawing
from app.widgets.plots import TITLE
from app.widgets.ticks import ticks
from tests.helpers.plots import shown, table, words

POINTS = (
    Point("a", "subnet a", 0.70, 1.0, 0.1),
    Point("b", "subnet b", 0.80, 2.0, 0.1, measured=2.1),
    Point("c", "subnet c", 0.75, 2.5, 0.1),
    Point("d", "subnet d", 0.90, 3.0, 0.1),
)
STAGES = [[{"kernel": 3, "expand": 6}, {"kernel": 7, "expand": 3}]] * 5
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def plot(qtbot: object) -> ScatterPlot:
    made = ScatterPlot("Latency and accuracy", "Search first.")
    made.show_points(POINTS, [Point("", "MobileNetV2", 0.85, measured=2.8)], (0.8, 4.0), "d")
    made.set_target(2.0)
    return shown(made, qtbot, 640, 400)


@pytest.fixture
def drawing(qtbot: object) -> SubnetDrawing:
    made = SubnetDrawing("Architecture", "Choose one.")
    made.show_stages(STAGES)
    return shown(made, qtbot, 400, 240)


def picks(plot: ScatterPlot) -> list[str]:
    """What is picked from now on; a pick is marked, as the page does."""
    found: list[str] = []
    plot.picked.connect(found.append)
    plot.picked.connect(lambda key: plot.mark(key, ""))
    return found


def spot(plot: ScatterPlot, ms: float, percent: float) -> QPoint:
    return plot.spot(ms, percent).toPoint()


def axes(plot: ScatterPlot) -> list[list[float]]:
    """The values at the edges: left and right, low and high."""
    plot.catch_up()
    return plot.chart.viewRange()


def test_the_front_is_what_no_other_beats() -> None:
    assert [p.key for p in front_of(POINTS)] == ["a", "b", "d"]
    slower = Point("e", "equal but slower", 0.90, 3.5)
    assert [p.key for p in front_of([slower, *POINTS])] == ["a", "b", "d"]


@pytest.mark.parametrize(("low", "high"), [(0.02, 0.11), (0.7, 4.4), (3, 1200), (79.2, 96.5)])
def test_ticks_are_round_inside_the_range_and_evenly_apart(low: float, high: float) -> None:
    found = ticks(low, high, 8)
    assert 2 <= len(found) <= 9
    assert low <= found[0] <= found[-1] <= high
    step = found[1] - found[0]
    assert f"{step:.1e}"[0] in "125"


def test_dragging_the_line_moves_the_target_and_not_the_axes(plot: ScatterPlot) -> None:
    told: list[float] = []
    plot.target_moved.connect(told.append)
    before, picked = axes(plot), picks(plot)
    at, to = spot(plot, 2.0, 75), spot(plot, 3.0, 75)

    QTest.mousePress(plot, LEFT, pos=at)
    QTest.mouseMove(plot, to)
    during = axes(plot)
    QTest.mouseRelease(plot, LEFT, pos=to)

    assert plot.target == told[-1] == pytest.approx(3.0, abs=0.02)
    assert before == during == axes(plot)
    assert picked == []
    QTest.mouseMove(plot, at)
    assert plot.target == told[-1], "the drag has ended"


def test_the_axes_hold_still_while_the_target_comes_nearer(plot: ScatterPlot) -> None:
    plot.set_target(20.0)
    wide, to = axes(plot), spot(plot, 5.0, 75)
    QTest.mousePress(plot, LEFT, pos=spot(plot, 20.0, 75))
    for _ in range(3):
        QTest.mouseMove(plot, to)
    assert axes(plot) == wide
    assert plot.target == pytest.approx(5.0, abs=0.2)
    QTest.mouseRelease(plot, LEFT, pos=to)
    assert axes(plot)[0][1] < 6


def test_a_drag_stays_inside_the_frame(plot: ScatterPlot) -> None:
    QTest.mousePress(plot, LEFT, pos=spot(plot, 2.0, 75))
    QTest.mouseMove(plot, QPoint(2000, 100))
    assert 3.9 < plot.target <= axes(plot)[0][1] + 0.05
    QTest.mouseMove(plot, QPoint(-50, 100))
    assert 0 < plot.target < 1
    QTest.mouseRelease(plot, LEFT, pos=QPoint(0, 100))


def test_a_target_beyond_all_networks_widens_the_axis(plot: ScatterPlot) -> None:
    plot.set_target(20.0)
    assert axes(plot)[0][1] > 20
    plot.set_target(0.0)
    assert axes(plot)[0][1] < 5


def test_shift_and_an_arrow_key_move_the_target(plot: ScatterPlot) -> None:
    told: list[float] = []
    plot.target_moved.connect(told.append)
    shift = Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(plot, Qt.Key.Key_Right, shift)
    assert told[-1] > 2.0
    QTest.keyClick(plot, Qt.Key.Key_Left, shift)
    QTest.keyClick(plot, Qt.Key.Key_Left, shift)
    assert told[-1] == plot.target < 2.0


def test_a_click_chooses_the_network_under_it(plot: ScatterPlot) -> None:
    picked = picks(plot)
    for ms, percent in ((1.0, 70), (2.1, 80), (2.8, 85), (3.5, 72)):
        QTest.mouseClick(plot, LEFT, pos=spot(plot, ms, percent) + QPoint(3, 3))
    assert picked == ["a", "b"], "a landmark and an empty place choose nothing"


def test_arrow_keys_go_by_latency_and_by_accuracy(plot: ScatterPlot) -> None:
    picked = picks(plot)
    for key in ("Right", "Right", "Right", "Up", "Up", "Up", "Left"):
        QTest.keyClick(plot, getattr(Qt.Key, f"Key_{key}"))
    assert picked == ["a", "b", "c", "b", "d", "d", "c"]
    assert "subnet c" in plot.accessibleDescription()


def test_hollow_is_predicted_and_filled_is_measured(plot: ScatterPlot) -> None:
    image = plot.grab().toImage()
    inside = [image.pixelColor(spot(plot, p.x, p.y) * image.devicePixelRatio()) for p in POINTS]
    assert inside[0] == inside[2] == inside[3]
    assert inside[1] != inside[0]


def test_the_mouse_reads_a_network_or_the_values(plot: ScatterPlot, tmp_path: Path) -> None:
    plain = plot.grab().toImage()
    QTest.mouseMove(plot, spot(plot, 1.0, 70))
    read = plot.grab().toImage()
    across = QRect(spot(plot, 3.5, 70) - QPoint(20, 3), QSize(40, 6))
    assert read.copy(across) != plain.copy(across), "a line goes across the plot"
    QTest.mouseMove(plot, spot(plot, 1.4, 72))
    assert plain != read != plot.grab().toImage()
    assert plot.near(QPointF(spot(plot, 2.1, 80))).words == [
        "subnet b",
        "80.0 % accuracy",
        "2.10 ms measured",
        "2.00 ms ± 0.10 predicted",
    ]
    plot.save(str(tmp_path / "p.png"))
    assert (QImage(str(tmp_path / "p.png")).width(), plot.width()) == (1280, 640)


def test_a_saved_plot_has_axes_units_legend_and_landmarks(
    plot: ScatterPlot, tmp_path: Path
) -> None:
    said = words(plot, tmp_path / "p.svg")
    for text in (
        "latency: time for one image (ms)",
        "accuracy (%)",
        "front",
        "measured",
        "predicted",
        "in use",
        "MobileNetV2",
        "2 ms",
    ):
        assert text in said
    rows = table(plot, tmp_path / "p.csv")
    assert [row[0] for row in rows] == ["network", "a", "b", "c", "MobileNetV2", "d"]
    assert rows[2] == ["b", "0.8", "2.1", "2.0", "0.1", "yes"]
    assert [row[-1] for row in rows[1:]] == ["yes", "yes", "", "", "yes"]


def test_each_word_of_the_legend_is_explained_where_it_stands(plot: ScatterPlot) -> None:
    plot.add(Point("whole", "Net, 64 pixels", 0.72, measured=1.5, family="Net"))
    plot.catch_up()
    line = range(TITLE, int(plot.frame().top()))
    found = {plot.sign_at(QPoint(x, y)) for x in range(0, plot.width(), 4) for y in line}
    assert found - {""} == {text for text, _ in plot.legend()} == set(LEGEND_HELP)
    assert plot.sign_at(plot.frame().center().toPoint()) == ""


def test_without_a_target_the_legend_has_none(plot: ScatterPlot, tmp_path: Path) -> None:
    plot.set_target(0)
    said = words(plot, tmp_path / "p.svg")
    assert "measured" in said
    assert "target" not in said


def test_before_the_first_search_the_plot_says_what_to_do(
    plot: ScatterPlot, tmp_path: Path
) -> None:
    plot.show_points([], (), (0.8, 4.0))
    assert "Search first." in words(plot, tmp_path / "p.svg")
    QTest.keyClick(plot, Qt.Key.Key_Right)
    plot.add(POINTS[0])
    assert "Search first." not in words(plot, tmp_path / "p.svg")


def test_a_landmark_without_accuracy_lies_on_the_axis(plot: ScatterPlot) -> None:
    unknown = Point("", "MobileNetV3", None, measured=1.5)
    plot.show_points(POINTS, [unknown])
    assert plot.spot_of(unknown).y() == pytest.approx(plot.frame().bottom())
    assert "accuracy not measured" in unknown.words


def test_one_network_at_several_sizes_is_named_once(plot: ScatterPlot, tmp_path: Path) -> None:
    sizes = [
        Point("", f"MobileNetV2 · {n} px", 0.6 + n / 500, measured=n / 32, family="MobileNetV2")
        for n in (32, 64, 96)
    ]
    plot.show_points(POINTS, sizes)
    said = words(plot, tmp_path / "p.svg")
    assert "MobileNetV2 · 96 px" in said
    assert "32 px" not in said


def test_whole_networks_can_be_chosen_and_are_joined_and_named(
    plot: ScatterPlot, tmp_path: Path
) -> None:
    wholes = [
        Point(f"net {n}", f"Net, {n} pixels", 0.6 + n / 500, measured=n / 32, family="Net")
        for n in (32, 64)
    ]
    plot.show_points([*POINTS, *wholes])
    picked = picks(plot)
    QTest.mouseClick(plot, LEFT, pos=spot(plot, wholes[0].x, wholes[0].y))
    assert picked == ["net 32"]
    said = words(plot, tmp_path / "p.svg")
    assert "Net, 64 pixels" in said
    assert "Net, 32 pixels" not in said
    assert "whole network" in [name for name, _ in plot.legend()]
    plot.show_points(POINTS)
    assert "whole network" not in [name for name, _ in plot.legend()]


def test_a_very_slow_landmark_lies_at_the_edge_and_says_so(
    plot: ScatterPlot, tmp_path: Path
) -> None:
    slow = Point("", "ResNet-50", 0.8, measured=60.0)
    plot.show_points(POINTS, [slow])
    assert axes(plot)[0][1] < 6
    assert plot.spot_of(slow).x() == pytest.approx(plot.frame().right())
    assert "60.0 ms measured" in plot.near(plot.spot_of(slow)).words
    assert "ResNet-50 → 60 ms" in words(plot, tmp_path / "p.svg")


def test_a_drawing_has_high_bars_for_wide_blocks_and_gaps(drawing: SubnetDrawing) -> None:
    image = drawing.grab().toImage()
    empty, high, low = (drawing.place(0, block) for block in (2, 0, 1))
    top = [image.pixelColor(room.center().x(), room.top() + 6) for room in (empty, high, low)]
    foot = [image.pixelColor(room.center().x(), room.bottom() - 6) for room in (empty, high, low)]
    assert top[0] == top[2] != top[1]
    assert len({colour.name() for colour in foot}) == 3, "each kernel has its colour"


def test_the_arrow_keys_read_block_by_block(drawing: SubnetDrawing) -> None:
    QTest.keyClick(drawing, Qt.Key.Key_Right)
    assert drawing.words(*drawing.at) == ["stage 1, block 1", "kernel 3 × 3", "expand × 6"]
    QTest.keyClick(drawing, Qt.Key.Key_Down)
    QTest.keyClick(drawing, Qt.Key.Key_Right)
    QTest.keyClick(drawing, Qt.Key.Key_Right)
    assert drawing.words(*drawing.at) == ["stage 2, block 3", "left out"]
    for _ in range(9):
        QTest.keyClick(drawing, Qt.Key.Key_Down)
    assert drawing.at == (4, 3)


def test_a_drawing_is_saved_as_a_table(drawing: SubnetDrawing, tmp_path: Path) -> None:
    drawing.save(str(tmp_path / "d.csv"))
    rows = (tmp_path / "d.csv").read_text(encoding="utf-8").split()
    assert rows[:3] == ["stage,block,kernel,expand", "1,1,3,6", "1,2,7,3"]
    assert len(rows) == 11


def test_bottlenecks_are_drawn_by_their_width(drawing: SubnetDrawing, tmp_path: Path) -> None:
    """A ResNet's blocks expand nothing: beside lines at 3, 4 and 6 they would hardly be seen."""
    drawing.show_stages([[{"kernel": 3, "expand": 1.0}, {"kernel": 3, "expand": 0.5}]], slots=0)
    drawing.catch_up()
    assert drawing.chart.viewRange()[1][1] < 1.1
    said = words(drawing, tmp_path / "a.svg")
    assert all(word in said for word in ("×0.25", "×0.5", "×1", "width"))
    assert drawing.words(0, 1) == ["stage 1, block 2", "kernel 3 × 3", "width × 0.5"]
    assert drawing.table()[0][-1] == "width"
    drawing.show_stages(STAGES)
    drawing.catch_up()
    assert drawing.chart.viewRange()[1][1] > 6
    assert drawing.table()[0][-1] == "expand"

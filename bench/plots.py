"""Draws a run: `build/peers/bin/python -m bench.plots RESULTS FOLDER`, where matplotlib is."""

import json
import sys
from pathlib import Path

import matplotlib
from matplotlib import pyplot
from matplotlib.axes import Axes

from bench.figures import Figures

COLOURS = {
    "gatehouse": "#00796b",
    "fastapi": "#5c6bc0",
    "fastapi_threads": "#9fa8da",
    "flask": "#8d6e63",
    "django": "#66a182",
    "bare": "#bdbdbd",
    "bcrypt": "#bdbdbd",
}


def main() -> None:
    """Draw what was measured."""
    results, folder = Path(sys.argv[1]), Path(sys.argv[2])
    matplotlib.use("Agg")
    pyplot.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    # The same run gives the same bytes.
    pyplot.rcParams["savefig.dpi"] = 110
    figures = Figures(json.loads(results.read_text()))
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in (("rates", rates), ("stall", stall), ("scale", scale)):
        drawn = draw(figures)
        if drawn is not None:
            drawn.savefig(folder / f"{name}.png", metadata={"Software": None})
            pyplot.close(drawn)


def rates(figures: Figures) -> pyplot.Figure | None:
    """Draw requests a second of every service, a point for each round."""
    workloads = [name for name in ("w1", "w2", "w3", "w4") if figures.has(name)]
    if not workloads:
        return None
    drawn, axes = pyplot.subplots(
        1, len(workloads), figsize=(2.6 * len(workloads), 3.2), layout="constrained", squeeze=False
    )
    for place, workload in zip(axes[0], workloads, strict=True):
        _bars(place, figures, workload)
        place.set_title(f"{workload.upper()}: requests a second")
    return drawn


def _bars(place: Axes, figures: Figures, workload: str) -> None:
    services = figures.services(workload)
    for at, service in enumerate(services):
        key = "value" if service == "bcrypt" else "rate"
        height = figures.median(workload, service, key) or 0
        place.bar(at, height, color=COLOURS[service], width=0.7)
        found = figures.all(workload, service, key)
        place.plot([at] * len(found), found, ".", color="#212121", markersize=3)
    names = [_short(figures, one).partition(",")[0] for one in services]
    place.set_xticks(range(len(services)), names, rotation=35, ha="right", rotation_mode="anchor")


def stall(figures: Figures) -> pyplot.Figure | None:
    """Draw how long reading takes alone and while others log in."""
    services = figures.services("w5")
    if not services:
        return None
    drawn, place = pyplot.subplots(figsize=(6.4, 3.2), layout="constrained")
    for at, service in enumerate(services):
        for shift, (workload, shade) in enumerate((("w5_idle", 0.4), ("w5", 1.0))):
            for key, width in (("p99", 0.32), ("p50", 0.16)):
                value = figures.median(workload, service, key) or 0
                colour = COLOURS[service] if key == "p99" else "#212121"
                place.bar(at + 0.36 * shift - 0.18, value, width, color=colour, alpha=shade)
    place.set_yscale("log")
    place.set_ylim(bottom=0.5)
    place.set_ylabel("milliseconds; p99 wide, p50 narrow")
    place.set_title("W5: GET /users/me alone (pale) and while eight clients log in")
    names = [_short(figures, one).replace(", ", ",\n") for one in services]
    place.set_xticks(range(len(services)), names)
    return drawn


def scale(figures: Figures) -> pyplot.Figure | None:
    """Draw time and buffers at both sizes."""
    found = figures.cases()
    if not found:
        return None
    drawn, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
    many = f"{figures.facts['plan']['many']:,}"
    measured = (("scale", "p50", "milliseconds, p50"), ("buffers", "value", "buffers read"))
    for place, (workload, key, label) in zip(axes, measured, strict=True):
        for shift, (size, shade) in enumerate((("small", 0.45), ("large", 1.0))):
            values = [figures.median(workload, f"{case} {size}", key) or 0 for case in found]
            heights = [at + 0.38 * shift for at in range(len(found))]
            title = f"{many if shift else '10,000'} people"
            place.barh(heights, values, 0.36, color=COLOURS["gatehouse"], alpha=shade, label=title)
        place.set_xlabel(label)
        place.set_xscale("log")
        place.set_xlim(left=1)
    axes[0].set_yticks([at + 0.19 for at in range(len(found))], found)
    axes[0].invert_yaxis()
    drawn.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return drawn


def _short(figures: Figures, service: str) -> str:
    return figures.title(service).partition(":")[0]


if __name__ == "__main__":
    main()

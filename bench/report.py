"""The report of a run: tables, written between two marks of docs/benchmark.md."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench import markdown as md
from bench.figures import Figures

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PEERS = ("fastapi", "django", "flask")
RATES = {
    "w1": "W1 `GET /users/me`",
    "w2": "W2 list of 100 out of 10,000",
    "w3": "W3 log-in",
    "w4": "W4 sign-up",
}
PLOTS = {
    "rates": "Requests a second of every service; a point is a round",
    "stall": "How long reading takes alone and while others log in",
    "scale": "Time and buffers with few people and with many",
}


def text(facts: Mapping[str, Any], *, plots: Path | None = None) -> str:
    """Return the report of a run, with the plots that lie in a folder beside the page."""
    figures = Figures(facts)
    parts: tuple[Callable[[Figures], Iterator[str]], ...] = (
        *(_compared, _rounds, _stall, _depth, _weight, _embedded, _flood, _scale, _surroundings),
    )
    lines = [line for part in parts for line in part(figures)]
    for name, caption in PLOTS.items() if plots else ():
        if plots and (plots / f"{name}.png").exists():
            lines = [f"![{caption}]({plots.name}/{name}.png)", "", *lines]
    return "\n".join(lines).strip() + "\n"


def write(page: Path, report: str) -> None:
    """Put the report between the marks of a page."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{report}\n{END}{after}")


def _compared(figures: Figures) -> Iterator[str]:
    rows: list[md.Cells] = []
    for workload, name in RATES.items():
        limit = figures.median(workload, "bare", "rate")
        limit = limit or figures.median(workload, "bcrypt", "value")
        ours, *others = (figures.median(workload, one, "rate") for one in ("gatehouse", *PEERS))
        if ours:
            ratio = figures.ratio(workload, "rate", of="gatehouse", to="fastapi")
            rates = map(md.number, (ours, *others, limit))
            rows.append([name, *rates, md.times(ratio), md.part(limit and ours / limit)])
    titles = [figures.title(name) for name in ("gatehouse", *PEERS)]
    head = ["requests a second", *titles, "the limit", "Gatehouse : FastAPI", "of the limit"]
    yield from md.table("Side by side", head, rows)


def _rounds(figures: Figures) -> Iterator[str]:
    rows: list[md.Cells] = []
    for workload in RATES:
        for service in figures.services(workload):
            found = figures.all(workload, service, "value" if service == "bcrypt" else "rate")
            if found:
                names = "p50", "p99", "cpu"
                p50, p99, cpu = (figures.median(workload, service, name) for name in names)
                spread = f"{md.number(min(found))} to {md.number(max(found))}"
                cells = *map(md.milliseconds, (p50, p99)), md.microseconds(cpu)
                rows.append([f"{workload.upper()} {figures.title(service)}", spread, *cells])
    head = ["", "a second, by round", "p50", "p99", "processor time of the service a request"]
    yield from md.table("Rounds and latencies", head, rows)


def _stall(figures: Figures) -> Iterator[str]:
    rows: list[md.Cells] = []
    for service in figures.services("w5"):
        idle = [figures.median("w5_idle", service, name) for name in ("p50", "p99")]
        busy = [figures.median("w5", service, name) for name in ("p50", "p99")]
        logins, alone = (figures.median(name, service, "rate") for name in ("w5", "w3"))
        part = logins / alone if logins and alone else None
        times = map(md.milliseconds, (*idle, *busy))
        rows.append([figures.title(service), *times, md.number(logins), md.part(part)])
    head = ["W5", "alone: p50", "p99", "meanwhile: p50", "p99", "log-ins a second", "of W3"]
    yield from md.table("Reading while others log in", head, rows)


def _depth(figures: Figures) -> Iterator[str]:
    rows: list[md.Cells] = []
    for service, how in (("gatehouse", "cursor"), ("fastapi", "OFFSET")):
        names = f"{service} first", f"{service} deep"
        first, deep = (figures.median("w6", name, "p50") for name in names)
        if first and deep:
            times = map(md.milliseconds, (first, deep))
            rows.append([f"{figures.title(service)}, {how}", *times, md.times(deep / first)])
    head = ["W6, p50", "first page of 10,000", f"99 % deep in {_many(figures)}", "deep : first"]
    yield from md.table("Deep pages", head, rows)


def _weight(figures: Figures) -> Iterator[str]:
    rows: list[md.Cells] = []
    for service in figures.services("rss") or figures.services("start"):
        names = "rss", "pss", "start"
        rss, pss, start = (figures.median(name, service, "value") for name in names)
        sizes = md.unit(rss, "MiB"), md.unit(pss, "MiB")
        rows.append([figures.title(service), *sizes, md.unit(start, "s", digits=2)])
    head = ["", "RSS a worker", "PSS a worker", "start to first answer"]
    yield from md.table("Memory and start", head, rows)


def _embedded(figures: Figures) -> Iterator[str]:
    rows: list[md.Cells] = []
    for workload in ("w1", "w2"):
        names = "embedded", "fastapi"
        ours, theirs = (figures.median(f"{workload}_embedded", one, "rate") for one in names)
        if ours and theirs:
            rates = md.number(ours), md.number(theirs)
            rows.append([RATES[workload], *rates, md.times(ours / theirs)])
    ours, theirs = "Gatehouse, SQLite, 1 worker", "FastAPI, PostgreSQL, 2 workers"
    yield from md.table("Alone on SQLite", ["requests a second", ours, theirs, "ratio"], rows)


def _flood(figures: Figures) -> Iterator[str]:
    statuses = figures.all("flood_answers", "gatehouse", "statuses")
    shown = "; ".join(", ".join(f"{n} x {code}" for code, n in one.items()) for one in statuses)
    without = sum(figures.all("flood_answers", "gatehouse", "without_retry_after"))
    shed = figures.median("flood_answers", "gatehouse", "shed_after_ms")
    idle, busy = (figures.median(name, "gatehouse", "p99") for name in ("flood_idle", "flood"))
    grown = figures.median("flood_growth", "gatehouse", "value")
    late = sum(figures.all("flood", "gatehouse", "failed"))
    rows: list[md.Cells] = [
        ["answers, by round", shown],
        ["429 and 503 without `Retry-After`", without],
        ["time to a 429 or 503, median", md.milliseconds(shed)],
        ["`GET /users/me` p99 alone", md.milliseconds(idle)],
        ["`GET /users/me` p99 meanwhile", md.milliseconds(busy)],
        ["`GET /users/me` without an answer", late],
        ["all workers grew by", md.unit(grown, "MiB")],
    ]
    head = ["2,000 log-ins offered in one second", ""]
    yield from md.table("A flood of log-ins", head, rows if statuses else [])


def _scale(figures: Figures) -> Iterator[str]:
    rows: list[md.Cells] = []
    for case in figures.cases():
        names = f"{case} small", f"{case} large"
        times = [figures.median("scale", name, "p50") for name in names]
        reads = [figures.median("buffers", name, "value") for name in names]
        rows.append([case, *map(md.milliseconds, times), *map(md.number, reads)])
    many = _many(figures)
    head = ["", "10,000: p50", f"{many}: p50", "10,000: buffers", f"{many}: buffers"]
    yield from md.table("As it grows", head, rows)


def _surroundings(figures: Figures) -> Iterator[str]:
    facts, plan = figures.facts, figures.facts["plan"]
    rounds = (
        "{rounds} rounds of {seconds:g} s, with log-ins {login_rounds} of {login_seconds:g} s; "
    )
    steady = "median {median:.2f} of the best moment, worst {worst:.2f}"
    rows: list[md.Cells] = [
        *facts["machine"].items(),
        ("servers", ", ".join(facts["servers"])),
        ("PostgreSQL", ", ".join(f"{name} {value}" for name, value in facts["database"].items())),
        ("measured", f"{rounds.format_map(plan)}{plan['minutes']} minutes in all"),
        ("speed of the cores", steady.format_map(facts["speed"])),
    ]
    yield from md.table("Machine and versions", ["", ""], rows)


def _many(figures: Figures) -> str:
    return f"{figures.facts['plan']['many']:,}"

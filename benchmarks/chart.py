"""A chart of the results, as SVG: ``python -m benchmarks.chart`` makes it anew from the data.

Each row is a workload on asyncio, each bar a client's CPU time as a multiple of aiohttp's.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from . import report
from .measure import Result

CHART = Path(__file__).with_name("chart.svg")

#: Client, backend, how it is called, class.
SERIES = (
    ("anyiohttp", "asyncio", "anyiohttp", "ours"),
    ("anyiohttp", "uvloop", "anyiohttp on uvloop", "uvloop"),
    ("anyiohttp", "trio", "anyiohttp on trio", "trio"),
    ("aiohttp", "asyncio", "aiohttp", "aiohttp"),
    ("pyreqwest", "asyncio", "pyreqwest (Rust)", "rust"),
    ("httpx2", "asyncio", "httpx2", "httpx2"),
)
WORK = {
    "small_get": "small GET, 64 connections",
    "tls_get": "small GET over TLS, 64 connections",
    "single_get": "small GET, one task",
    "post_json": "POST of 1 KB JSON",
    "download": "128 MB download",
    "tls_download": "128 MB download over TLS",
    "upload": "128 MB file upload",
    "gzip": "80 MB of gzip, decoded",
    "lines": "28 MB in lines of 46 bytes",
    "queue": "5,000 tasks over 100 connections",
    "tls_connect": "new TLS connection",
    "memory_idle": "memory per idle connection",
    "memory_request": "memory per concurrent request",
}
#: Longer bars are cut off, and say how long they are.
MOST = 2.0

LEFT, SCALE, RIGHT = 230, 240, 80
BAR, GAP, TOP, LEGEND = 11, 14, 46, 46

STYLE = """\
text{font:12px system-ui,sans-serif;fill:#24292f}
.title{font-size:15px;font-weight:600}.small{font-size:10px;fill:#57606a}
.line{stroke:#8c959f;stroke-dasharray:3 3}
.ours{fill:#0969da}.uvloop{fill:#54aeff}.trio{fill:#8250df}
.aiohttp{fill:#57606a}.rust{fill:#bc4c00}.httpx2{fill:#bf8700}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.aiohttp{fill:#9198a1}}
"""


def write() -> None:
    """Make the chart of the results that were written last."""
    machine, results = report.load()
    drawn = [row for row in (bars(result) for result in results) if row]
    CHART.write_text(svg(drawn, machine), encoding="utf-8")


def bars(result: Result) -> tuple[str, list[tuple[str, float]]] | None:
    """The label of a row, and class and length of its bars; ``None`` if aiohttp has no value."""
    base = result.median(("aiohttp", "asyncio"))
    label = WORK.get(result.workload.name)
    if label is None or not base:
        return None
    found = []
    for client, backend, _, style in SERIES:
        value = result.median((client, backend))
        if value is not None:
            found.append((style, value / base))
    return label, found


def svg(rows: list[tuple[str, list[tuple[str, float]]]], machine: dict[str, str]) -> str:
    """Draw it."""
    width = LEFT + int(SCALE * MOST) + RIGHT
    parts = [text(12, 22, "CPU time and memory of a client; aiohttp on asyncio is 1", "title")]
    parts += legend()
    y = TOP + LEGEND
    start = y
    for label, found in rows:
        height = len(found) * BAR
        parts.append(text(LEFT - 8, y + height / 2 + 4, label, anchor="end"))
        for style, length in found:
            parts += bar(y, style, length)
            y += BAR
        y += GAP
    one = LEFT + SCALE
    parts.append(f'<path class="line" d="M{one} {start - 6}V{y - GAP + 6}"/>')
    parts.append(text(one, y + 4, "1 × aiohttp: less is better", "small", anchor="middle"))
    where = ", ".join(
        f"{name} {machine[name]}"
        for name in ("Python", "aiohttp", "httpx2", "pyreqwest", "made")
        if name in machine
    ).replace("made ", "")
    parts.append(text(12, y + 24, where, "small"))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y + 36}" '
        f'viewBox="0 0 {width} {y + 36}" role="img" '
        f'aria-label="What anyiohttp costs beside aiohttp, pyreqwest and httpx2">\n'
        f"<style>\n{STYLE}</style>\n{body}\n</svg>\n"
    )


def legend() -> list[str]:
    parts = []
    for place, (_, _, label, style) in enumerate(SERIES):
        x, y = 12 + place % 3 * 180, TOP + place // 3 * 18
        parts.append(f'<rect class="{style}" x="{x}" y="{y - 9}" width="10" height="10" rx="2"/>')
        parts.append(text(x + 16, y, label))
    return parts


def bar(y: float, style: str, length: float) -> list[str]:
    cut = length > MOST
    end = LEFT + SCALE * min(length, MOST)
    shown = f"{length:.0f} ×" if length >= 10 else f"{length:.2f} ×"
    return [
        f'<rect class="{style}" x="{LEFT}" y="{y}" width="{end - LEFT:.1f}" '
        f'height="{BAR - 1}" rx="1.5"/>',
        text(end + 4, y + BAR - 1, ("→ " if cut else "") + shown, "small"),
    ]


def text(x: float, y: float, what: str, style: str = "", anchor: str = "start") -> str:
    given = f' class="{style}"' if style else ""
    return f'<text x="{x:g}" y="{y:g}"{given} text-anchor="{anchor}">{escape(what)}</text>'


if __name__ == "__main__":
    write()

# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws results as SVG: a pair of bars for each row, instructions on the left, ns on the right."""

from xml.sax.saxutils import escape

LABELS = 190  # where the bars begin
PANEL = 400  # width of a panel's bars
GAP = 90  # right of a panel: figures
BAR = 9
ROW = 2 * BAR + 8
TOP = 78
FONT = 'font-family="sans-serif" font-size="11"'
COLOURS = {"other": "#b0b0b0", "lvs": "#2f6fb2", "budget": "#c0392b", "grid": "#e4e4e4", "text": "#222222"}


def text(x, y, content, anchor="start", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" {FONT} fill="{COLOURS["text"]}" text-anchor="{anchor}" {extra}>{escape(content)}</text>'


def rectangle(x, y, width, height, colour):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def line(x1, y1, x2, y2, colour, width=1.0):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def step_of(limit):
    """A round distance of grid lines: five to ten of them."""
    magnitude = 1
    while limit / magnitude > 10:
        magnitude *= 10
    return magnitude * next(factor for factor in (0.5, 1, 2) if limit / (magnitude * factor) <= 10)


class Panel:
    """One measure's bars. Bars beyond the limit are cut; their figure is beside them anyhow."""

    def __init__(self, left, title, limit):
        self.left, self.title, self.limit = left, title, limit

    def at(self, value):
        return self.left + PANEL * min(max(value, 0), self.limit) / self.limit

    def frame(self, height):
        yield text(self.left, TOP - 26, self.title, extra='font-weight="bold"')
        step = step_of(self.limit)
        for number in range(int(self.limit / step) + 1):
            yield line(self.at(number * step), TOP - 6, self.at(number * step), height, COLOURS["grid"])
            yield text(self.at(number * step), TOP - 10, f"{number * step:g}", "middle")

    def bar(self, y, value, colour, quartiles=None, budget=None):
        yield rectangle(self.left, y, self.at(value) - self.left, BAR, colour)
        end = self.at(value)
        if value > self.limit:
            yield line(end - 8, y - 1, end - 12, y + BAR + 1, "#ffffff", 2)
        elif quartiles:
            low, high = (self.at(quartile) for quartile in quartiles)
            yield line(low, y + BAR / 2, high, y + BAR / 2, COLOURS["text"])
            for x in (low, high):
                yield line(x, y + 2, x, y + BAR - 2, COLOURS["text"])
            end = max(end, high)
        if budget and abs(self.at(budget) - end - 10) < 16:
            end = self.at(budget) + 1
        yield text(end + 4, y + BAR - 0.5, f"{value:.0f}", extra='style="font-size:9px"')


def limit_of(values):
    """The scale: a few rows that are far out must not flatten the others."""
    values = sorted(values)
    return 1.15 * values[int(0.85 * (len(values) - 1))] if values else 1


def draw(results):
    rows, other = results["rows"], results["against"]
    height = TOP + ROW * len(rows)
    width = LABELS + 2 * (PANEL + GAP)
    figures = [entry["instructions"].get(name) for entry in rows if "instructions" in entry for name in (other, "lvs")]
    times = [entry["ns"][name]["median"] for entry in rows if "ns" in entry for name in (other, "lvs") if name in entry["ns"]]
    left = Panel(LABELS, "instructions per packet (stock kernel)", limit_of([figure for figure in figures if figure]))
    right = Panel(LABELS + PANEL + GAP, "ns per packet (native); whiskers: quartiles", limit_of(times))
    parts = [rectangle(0, 0, width, height + 14, "#ffffff"),
             text(10, 20, f"lvs beside {other}: what one packet costs above the generator", extra='style="font-size:15px"'),
             rectangle(10, 30, 12, BAR, COLOURS["other"]), text(26, 38, other if other != "base" else "the older lvs"),
             rectangle(110, 30, 12, BAR, COLOURS["lvs"]), text(126, 38, "lvs"),
             line(165, 29, 165, 41, COLOURS["budget"], 2), text(171, 38, "budget"),
             text(width - 10, 20, f"{results['revision']}, {results['date'][:10]}", "end")]
    parts += [*left.frame(height), *right.frame(height)]
    for number, entry in enumerate(rows):
        y = TOP + ROW * number
        if number and entry["group"] != rows[number - 1]["group"]:
            parts.append(line(10, y - 4, width - 10, y - 4, COLOURS["grid"]))
        parts.append(text(LABELS - 8, y + BAR + 3, entry["row"], "end"))
        for index, (name, colour) in enumerate(((other, COLOURS["other"]), ("lvs", COLOURS["lvs"]))):
            if name == other and entry["group"] == "kernel":
                name = "kernel"
            top = y + index * BAR
            if name in entry.get("instructions", {}):
                parts += left.bar(top, entry["instructions"][name], colour, budget=entry["budget"])
            if name in entry.get("ns", {}):
                figure = entry["ns"][name]
                parts += right.bar(top, figure["median"], colour, (figure["q1"], figure["q3"]))
        if entry["budget"] and "instructions" in entry:
            parts.append(line(left.at(entry["budget"]), y - 1, left.at(entry["budget"]), y + 2 * BAR + 1, COLOURS["budget"], 2))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + 14}" width="{width}" height="{height + 14}">\n'
            + "\n".join(parts) + "\n</svg>\n")

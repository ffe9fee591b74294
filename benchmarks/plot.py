"""A page of the ratios in a file of results: one self-contained SVG per table, nothing to load."""

import html
import math

import results

WIDTH, LEFT, RIGHT, LINE = 900, 330, 70, 18
MINE, LOSS, INK, GRID = "#2a6fbb", "#c05621", "#222", "#ccc"


def ticks(low, high):
    return [value for value in (0.1, 0.125, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 16, 32) if low <= value <= high]


def draw(rows):
    """A dot per row at its ratio, a line from the 10th to the 90th percentile, on a logarithmic axis."""
    low = min(0.7, min(row["p10"] for row in rows)) * 0.95
    high = max(1.5, max(row["p90"] for row in rows)) * 1.05
    x = lambda ratio: LEFT + (WIDTH - LEFT - RIGHT) * math.log(ratio / low) / math.log(high / low)
    height = LINE * (len(rows) + 2)
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">']
    for value in ticks(low, high):
        bold = 2 if value == 1 else 1
        at, color = f"{x(value):.1f}", INK if value == 1 else GRID
        parts.append(f'<line x1="{at}" x2="{at}" y1="4" y2="{height - LINE}" stroke="{color}" stroke-width="{bold}"/>'
                     f'<text x="{at}" y="{height - 4}" text-anchor="middle">{value:g}</text>')
    for number, row in enumerate(rows):
        y = LINE * (number + 0.8)
        color = MINE if row["ratio"] >= 1 else LOSS
        tip = html.escape(results.format_row(row))
        parts.append(f'<g><title>{tip}</title><text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{html.escape(row["name"])}</text>'
                     f'<line x1="{x(row["p10"]):.1f}" x2="{x(row["p90"]):.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{color}" '
                     'stroke-width="3" opacity="0.4"/>'
                     f'<circle cx="{x(row["ratio"]):.1f}" cy="{y:.1f}" r="4" fill="{color}"/>'
                     f'<text x="{WIDTH - RIGHT + 12}" y="{y + 4:.1f}" fill="{color}">{row["ratio"]:.2f}</text></g>')
    return "".join(parts) + "</svg>"


def page(data):
    parts = ['<!doctype html><html lang="en"><meta charset="utf-8"><title>mpc beside its peers</title>'
             "<style>body{font:14px sans-serif;max-width:920px;margin:2em auto;color:#222}svg text{font:12px sans-serif;fill:#222}"
             "table{border-collapse:collapse}td,th{padding:2px 10px;text-align:left}</style>",
             "<h1>mpc beside its peers</h1><p>Time of the peer over the time of mpc: right of 1 mpc is faster. Dots are medians of ratios "
             "within rounds, lines go from the 10th to the 90th percentile.</p>"
             f"<p>{html.escape(results.describe(data['machine']))}</p>"]
    parts.append("<table><tr><th></th><th>peer</th><th>geometric mean</th><th>worst</th></tr>")
    summaries = list(results.summaries(data))
    for row in summaries:
        cells = (row["title"], row["peer"], f"{row['mean']:.2f}", f"{row['worst']:.2f}")
        parts.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    parts.append("</table>")
    for table in summaries:
        rows = [row for row in data["rows"] if row["table"] == table["name"] and "ratio" in row]
        parts.append(f"<h2>{html.escape(table['title'])}; peer: {html.escape(table['peer'])}</h2>{draw(rows)}")
    return "\n".join(parts) + "\n</html>\n"

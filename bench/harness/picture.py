"""picture.py - the figures as a picture: a panel a bench, a row a system, a dot for each
number of workers, on a log scale.  Drawn by Matplotlib as PNG, and as SVG whose colours
follow the reader's light or dark.  Tests: tests/bench_test.py."""
import os
import re

from harness.report import number
from harness.table import OURS

LIGHT = {'paper': '#ffffff', 'ink': '#1b1f24', 'soft': '#667078', 'rule': '#dde2e7',
         'band': '#fdf1e7', 'peer': '#5f7f9e', 'ours': '#d3541c'}
DARK = {'paper': '#0f1318', 'ink': '#eceff2', 'soft': '#98a3ad', 'rule': '#2c343c',
        'band': '#33210f', 'peer': '#8fb0d0', 'ours': '#ff8b4d'}
ROW, HEAD, WIDE, COLUMNS = 0.27, 0.92, 4.6, 3  # inches


def draw(all_measured, folder, name='results', kinds=('svg', 'png')):
    """Writes FOLDER/NAME.svg and .png; the lines to print about it."""
    shown = [m for m in all_measured if m.lines]
    if not shown:
        return []
    try:
        import matplotlib
    except ImportError:
        return ['no picture: Debian\'s python3-matplotlib is not installed']
    matplotlib.use('Agg')
    from matplotlib import pyplot
    with matplotlib.rc_context({'font.family': 'DejaVu Sans', 'font.size': 8.5,
                                'svg.fonttype': 'none', 'svg.hashsalt': 'tutti'}):
        figure = _page(pyplot, shown)
        paths = [os.path.join(folder, f'{name}.{kind}') for kind in kinds]
        for path in paths:
            more = {'metadata': {'Date': None}} if path.endswith('svg') else {'dpi': 150}
            figure.savefig(path, facecolor=LIGHT['paper'], **more)
            if path.endswith('svg'):
                _both_ways(path)
        pyplot.close(figure)
    return [f'pictures: {" ".join(paths)}']


def _both_ways(path):
    """Give every colour in the file a dark twin, for who reads on black."""
    with open(path) as f:
        svg = f.read()
    rules = []
    for part, light in LIGHT.items():
        for kind in ('fill', 'stroke'):
            rules.append(f'[style*="{kind}: {light}"]{{{kind}:{DARK[part]}!important}}')
    style = ('<style>text{font-family:"DejaVu Sans",Verdana,sans-serif}'
             '@media(prefers-color-scheme:dark){' + ''.join(rules) + '}</style>')
    with open(path, 'w') as f:
        f.write(re.sub(r'(<svg\b[^>]*>)', lambda m: m.group(1) + style, svg, count=1))


def _systems(measured):
    """Ours first, then by the best figure."""
    best = {}
    for (system, _), v in measured.values().items():
        known = best.get(system, v)
        best[system] = min(known, v) if measured.bench.less else max(known, v)
    order = sorted(best, key=lambda s: best[s] if measured.bench.less else -best[s])
    return sorted(order, key=lambda s: s != OURS)


def _page(pyplot, shown):
    """Panels flow down the columns, each as high as it has systems."""
    heights = [HEAD + ROW * len(_systems(m)) for m in shown]
    columns = _columns(heights)
    high = max(sum(heights[i] for i in c) for c in columns) + 0.75
    wide = WIDE * len(columns)
    figure = pyplot.figure(figsize=(wide, high))
    title = 'tutti beside its peers'
    figure.text(0.19 / wide, 1 - 0.30 / high, title, size=15, weight='bold',
                color=LIGHT['ink'], va='center')
    figure.text(0.19 / wide, 1 - 0.56 / high, _legend(shown), color=LIGHT['soft'],
                va='center')
    for c, column in enumerate(columns):
        top = high - 0.75
        for i in column:
            systems = _systems(shown[i])
            left = (WIDE * c + 1.22) / wide
            box = [left, (top - 0.62 - ROW * len(systems)) / high, (WIDE - 2.35) / wide,
                   ROW * len(systems) / high]
            _panel(figure.add_axes(box), shown[i], systems)
            top -= heights[i]
    return figure


def _columns(heights):
    """Consecutive panels in at most COLUMNS columns, about equally high."""
    count = min(COLUMNS, len(heights))
    each, columns, used = sum(heights) / count, [[]], 0.0
    for i, h in enumerate(heights):
        if columns[-1] and used + h / 2 > each and len(columns) < count:
            columns.append([])
            used = 0.0
        columns[-1].append(i)
        used += h
    return columns


def _legend(shown):
    counts = sorted({line['workers'] for m in shown for line in m.lines})
    rounds = sorted({line['rounds'] for m in shown for line in m.lines})
    words = f'medians of {rounds[-1]} rounds in turn, whiskers from least to most; log scale'
    if len(counts) > 1:
        words += (f'; the fuller the dot the more workers '
                  f'({", ".join(map(str, counts))})')
    return words + '; | is the goal'


def _panel(axes, measured, systems):
    from matplotlib.colors import to_rgba
    bench, values = measured.bench, measured.values()
    spans = {(line['system'], line['workers']): (line['min'], line['max'])
             for line in measured.lines}
    marks = [at for at in (g.mark(bench, values) for g in bench.goals)
             if at and OURS in systems]
    every = [x for pair in spans.values() for x in pair] + marks
    # Zero has no place on a log scale: it stands at the left edge.
    floor = min([x for x in every if x > 0], default=1) / 1.5
    counts = sorted({n for _, n in values})
    axes.set_xscale('log')
    axes.set_ylim(len(systems) - 0.5, -0.5)
    for y, system in enumerate(systems):
        color = LIGHT['ours' if system == OURS else 'peer']
        if system == OURS:
            axes.axhspan(y - 0.5, y + 0.5, color=LIGHT['band'], zorder=0, lw=0)
        own = [n for n in counts if (system, n) in values]
        for k, n in enumerate(own):
            at = y + (k - (len(own) - 1) / 2) * min(0.34, 0.8 / len(own))
            low, high = (max(x, floor) for x in spans[system, n])
            axes.plot([low, high], [at, at], color=color, lw=1, zorder=2)
            full = 1 if counts == [n] else counts.index(n) / (len(counts) - 1)
            under = LIGHT['band' if system == OURS else 'paper']
            for fill in (under, to_rgba(color, full)):
                axes.plot([max(values[system, n], floor)], [at], 'o', ms=5.2, mec=color,
                          mew=1.2, mfc=fill, zorder=3)
        words = [number(values[system, n]) for n in own]
        text = ' / '.join(words) if len(words) < 4 else f'{words[0]} ... {words[-1]}'
        axes.text(1.03, y, text, transform=axes.get_yaxis_transform(), va='center',
                  color=LIGHT['ours' if system == OURS else 'ink'],
                  weight='bold' if system == OURS else 'normal')
    for at in marks:  # where a figure of ours would just meet its goal
        axes.plot([at], [systems.index(OURS)], '|', ms=13, mew=1.6, color=LIGHT['ink'],
                  zorder=1)
    _dress(axes, bench, systems, floor, max(every))


def _dress(axes, bench, systems, low, high):
    from matplotlib import ticker
    left, right = low / 1.25, max(high, low * 12) * 1.35
    axes.set_xlim(left, right)
    subs = (1.0,) if right / left > 100 else (1.0, 3.0)
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=subs, numticks=7))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda x, _: number(x)))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.set_yticks(range(len(systems)), systems)
    axes.tick_params(length=0, pad=4, colors=LIGHT['soft'], labelsize=7.5)
    for label, system in zip(axes.get_yticklabels(), systems):
        label.set_color(LIGHT['ours' if system == OURS else 'ink'])
        label.set_fontsize(8.5)
        label.set_fontweight('bold' if system == OURS else 'normal')
    axes.grid(axis='x', color=LIGHT['rule'], lw=0.7, zorder=0)
    axes.set_axisbelow(True)
    axes.set_facecolor('none')
    for side in axes.spines.values():
        side.set_visible(False)
    axes.annotate(bench.name, (0, 1), (-74, 18), 'axes fraction', 'offset points',
                  size=11, weight='bold', color=LIGHT['ink'], va='center')
    more = '' if bench.less else ', more is better'
    axes.annotate(f'{bench.unit}, {bench.means}{more}', (0, 1), (-74, 6), 'axes fraction',
                  'offset points', size=7.8, color=LIGHT['soft'], va='center')

"""report.py - the figures in words: every system beside ours, and whether each goal was met.
Tests: tests/bench_test.py."""
from harness.table import OURS


def number(x):
    """Three digits, with k, M, G where they would run long."""
    for limit, divide, tail in ((1e9, 1e9, 'G'), (1e6, 1e6, 'M'), (1e4, 1e3, 'k')):
        if x >= limit:
            return f'{x / divide:.0f}{tail}' if x >= 100 * divide else \
                f'{x / divide:.3g}{tail}'
    return f'{x:.0f}' if x >= 100 or x == 0 else f'{x:.3g}'


def ratio(theirs, ours):
    if not ours:
        return '-' if theirs else '1.00x'
    r = theirs / ours
    return f'{number(r)}x' if r >= 10 else f'{r:.2f}x'


def table(measured):
    """The systems as rows, by their best figure; the worker counts as columns; and in
    brackets each one's figure over ours with as many workers."""
    values, bench = measured.values(), measured.bench
    counts = sorted({n for _, n in values})
    best = {}
    for (system, _), v in values.items():
        best[system] = min(best.get(system, v), v) if bench.less \
            else max(best.get(system, v), v)
    rows = [[''] + [f'{n} worker{"s" if n > 1 else ""}' for n in counts]]
    for system in sorted(best, key=lambda s: best[s] if bench.less else -best[s]):
        row = [f'{"*" if system == OURS else " "} {system}']
        for n in counts:
            v, ours = values.get((system, n)), values.get((OURS, n))
            text = '' if v is None else number(v)
            if text and ours is not None and system != OURS:
                text += f' ({ratio(v, ours)})'
            row.append(text)
        rows.append(row)
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ['  ' + '  '.join(cell.ljust(w) if i == 0 else cell.rjust(w)
                             for i, (cell, w) in enumerate(zip(row, wide))).rstrip()
            for row in rows]


def judge(measured):
    """[(words, the figure, met or not)] of a bench; figures that were not measured have
    no verdict: (words, None, None)."""
    bench, values, verdicts = measured.bench, measured.values(), []
    for goal in bench.goals:
        where = f'{goal.workers} worker{"s" if goal.workers > 1 else ""}'
        verdicts.append((f'{goal.words(bench)}, {where}',
                         *(goal.judge(bench, values) or (None, None))))
    if bench.ahead:
        verdicts += _ahead(bench, values)
    return verdicts


def _ahead(bench, values):
    """Ours beside each peer with as many workers; one verdict for all."""
    behind, worst = [], None
    for (system, n), v in sorted(values.items()):
        ours = values.get((OURS, n))
        peer = system != OURS and not bench.systems[system].baseline
        if not peer or ours is None:
            continue
        ahead = (v / ours if bench.less else ours / v) if ours and v else \
            (1 if v == ours else 0 if (v < ours) == bench.less else float('inf'))
        worst = ahead if worst is None else min(worst, ahead)
        if ahead < 1:
            behind.append(f'{system} ({n})')
    if worst is None:
        return []
    words = 'ahead of every peer' + (f', but behind {", ".join(behind)}' if behind else '')
    return [(words, worst, not behind)]


def words(measured):
    """All lines about one bench."""
    bench = measured.bench
    lines = [f'{bench.name}: {bench.unit} {bench.means}'
             f'{"" if bench.less else ", more is better"}']
    lines += table(measured) if measured.lines else []
    for text, figure, met in judge(measured):
        if figure is None:
            lines.append(f'  goal  not measured: {text}')
        else:
            lines.append(f'  goal  {"met   " if met else "missed"} {text}: '
                         f'{number(figure)}')
    lines += [f'  missing  {system}: {why}' for system, why in measured.failed.items()]
    return lines + ['']

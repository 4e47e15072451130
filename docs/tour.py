#!/usr/bin/python3
"""tour.py - README's table of what to use for what, made from a run of the tour, so that no
number in it is ever typed.

    docs/tour.py BUILD [ROUNDS]  run BUILD/cli/tutti tour and BUILD/bench/waits, keep what
                                 they say in docs/tour.json and docs/tour.svg, and make
                                 the table of it
    docs/tour.py                 make the table again from docs/tour.json
    docs/tour.py --check         status 1 unless it is what stands there

A row is written when its programs were in the run; a program that lacked something then
is left out of its row.  Tests: tests/bench_test.py."""
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TREE, 'bench'))

from harness.marked import put  # noqa: E402

BEGIN = '<!-- from here: docs/tour.py -->'
END = '<!-- to here: docs/tour.py -->'
# What the work is, what to use for it, the column that shows it, and the programs with
# words for each: {what}, {tasks}, {each} are the program's own.
ROWS = [
    ('computes, in parts that do not depend on each other', '`threads://`', 'threads', [
        ('mandelbrot', '{name}'), ('average', '{name}'), ('matmul', '{name}')]),
    ('computes, in thousands of small tasks', '`threads://`', 'threads', [
        ('primes', '{tasks} tasks of {each} ({name})'), ('sudoku', '{what} sudokus')]),
    ('tries several ways on one data set', '`threads://` or `processes://`', 'processes', [
        ('learn', '{what}, five ways to learn from them')]),
    ('reads and computes over thousands of files', '`threads://`', 'threads', [
        ('hashhunt-missing', 'hash of {what}'), ('wordcount', 'words of {what}'),
        ('media', '{what} shrunk')]),
    ('races rivals, the first one wins', 'any; it is luck', 'threads', [
        ('maze', 'maze with {what}')]),
    ('waits: for sockets, pipes, timers, other programs', '`loop://`: one thread, no locks',
     'loop', [('echo', '{what} echoed to'), ('httpd', '{what} served files')]),
    ('waits inside a library that knows nothing of tutti', '`loop://` and `libtutti-hook`',
     'loop', [('crawl', 'libcurl, {what} crawled'), ('status', 'libcurl, {what} asked'),
              ('query', 'libpq, {what}')]),
    ('answers events while it computes', '`processes://` behind a loop', 'processes', [
        ('listen', '{note}; {what}')]),
    ('may crash, or brings a library that does', '`processes://`', 'processes', [
        ('media', 'a picture that ends its worker is named, the others come through: '
         '{what} shrunk')]),
    ('behaves as under an interpreter lock', '`threads://?lock=interpreter` shows it', 'gil', [
        ('mandelbrot', 'computing ({name})'), ('echo', 'waiting ({name})')]),
]
# What there is no figure for.
TOLD = [
    ('brings code that is not trusted', '`processes://?sandbox=all`',
     'a task that opens a file or a socket, or starts a program, fails alone, by the name of '
     'the call'),
    ('keeps one state in all processes, also when one of them dies', '`tutti/shared.h`',
     '`examples/tally.c`, and proc-channel below'),
]


def seconds(value):
    for unit, scale in (('s', 1), ('ms', 1e3), ('us', 1e6), ('ns', 1e9)):
        if value * scale >= 1 or unit == 'ns':
            return f'{value * scale:.3g} {unit}'


def ratio(value):
    return f'{value:.1f}x' if value < 10 else f'{value:.0f}x'


def figure(row, column, words):
    cell = row['cells'].get(column)
    if not cell or 'ratio' not in cell:
        return None
    each = cell['cpu_seconds'] / cell['started'] if cell['started'] else 0
    text = words.format(name=row['name'], what=row['what'], tasks=f'{cell["started"]:,}',
                        each=seconds(each), note=cell.get('note') or '')
    return f'{text} {ratio(cell["ratio"])}'


def table(kept):
    rows = {row['name']: row for row in kept['rows']}
    text = ['| the work | executor | measured |', '|---|---|---|']
    for work, use, column, programs in ROWS:
        shown = [figure(rows[name], column, words) for name, words in programs if name in rows]
        shown = [words for words in shown if words]
        if shown:
            text.append(f'| {work} | {use} | {", ".join(shown)} |')
    for kind, work, use in (
            ('waits', 'waits, with very many tasks on one thread', '`loop://`'),
            ('blocking', 'calls what blocks its thread', 'any, with `tutti_blocking`')):
        known = [w for w in kept['waits'] if w['kind'] == kind and w['url'] == 'loop://']
        if known:
            w = known[0]
            text.append(f'| {work} | {use} | {w["count"]:,} times {w["each"]}: {w["ms"]:.1f} '
                        f'ms, {ratio(w["ratio"])} |')
    text += [f'| {work} | {use} | {words} |' for work, use, words in TOLD]
    text.append('| you do not know | `make tour` | the same table for your machine, in a '
                'few minutes |')
    return '\n'.join(text + ['', words_of(kept)])


def words_of(kept):
    m = kept['machine']
    crowded = ('' if m['others'] < 0.1 else f'  Other work had {m["others"]:.0%} of the CPUs '
               'meanwhile.')
    return (f'{m["model"]}, {m["cpus"]} CPU{"s" if m["cpus"] > 1 else ""}, '
            f'Linux {m["kernel"].split("-")[0].removeprefix("Linux ")}; medians of '
            f'{kept["rounds"]} rounds in turn.  "x": times as fast as the same work in a '
            f'plain loop.{crowded}')


# --- taking ------------------------------------------------------------------


def run_tour(build, rounds, svg):
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run([f'{build}/cli/tutti', 'tour', '--json', '--rounds', str(rounds),
                               '--out', out, '--svg', svg], stdout=subprocess.PIPE)
    if done.returncode:
        sys.exit(f'the tour ended with status {done.returncode}')
    return json.loads(done.stdout)


def run_waits(build, rounds):
    """The lines of bench/waits: URL, how many of what, how long each, time, ratio."""
    form = re.compile(r'(\S+) +(\d+) (\w+) +(\d+ \w+) each +([\d.]+) ms +(\d+)x')
    seen = {}
    for _ in range(rounds):
        done = subprocess.run([f'{build}/bench/waits'], stdout=subprocess.PIPE, text=True,
                              check=True)
        for url, count, kind, each, ms, times in form.findall(done.stdout):
            seen.setdefault((url, int(count), kind, each), []).append((float(ms), int(times)))
    return [{'url': url, 'count': count, 'kind': kind, 'each': each,
             'ms': statistics.median(ms for ms, _ in runs),
             'ratio': statistics.median(times for _, times in runs)}
            for (url, count, kind, each), runs in seen.items()]


def take(build, rounds, docs):
    tour = run_tour(build, rounds, os.path.join(docs, 'tour.svg'))
    keys = ('seconds', 'ratio', 'cpu_seconds', 'started', 'switches', 'note')
    kept = {'machine': tour['machine'], 'rounds': tour['rounds'], 'rows': [
        {'name': row['name'], 'what': row['what'], 'answer': row['answer'], 'cells': {
            key: {k: cell[k] for k in keys if cell.get(k) is not None}
            for key, cell in row['cells'].items() if cell}} for row in tour['rows']],
            'waits': run_waits(build, rounds)}
    with open(os.path.join(docs, 'tour.json'), 'w') as f:
        json.dump(kept, f, indent=1)
        f.write('\n')


def main(argv, tree=TREE):
    check = argv == ['--check']
    if len(argv) > 2 or (argv and argv[0].startswith('-') and not check):
        sys.exit(__doc__)
    docs, path = os.path.join(tree, 'docs'), os.path.join(tree, 'README.md')
    if argv and not check:
        take(argv[0], int(argv[1]) if len(argv) > 1 else 5, docs)
    with open(os.path.join(docs, 'tour.json')) as f:
        made = table(json.load(f))
    return put(path, BEGIN, END, made, check)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

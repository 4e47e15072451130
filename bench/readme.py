#!/usr/bin/python3
"""readme.py - README's table of figures, made from a file of results, so that no number
in it is ever typed.

    bench/readme.py FOLDER     take results.jsonl and machine.json of FOLDER, as
                               `make bench` leaves them in build/bench, into docs/bench.*,
                               and make the table and the picture of them
    bench/readme.py            make README's table again from docs/bench.*
    bench/readme.py --check    status 1 unless it is what stands there

A row is written when its bench is in the file.  Tests: tests/bench_test.py."""
import json
import os
import shutil
import sys

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TREE, 'bench'))
sys.dont_write_bytecode = True
from harness import picture, rounds  # noqa: E402
from harness.marked import put  # noqa: E402
from harness.report import number  # noqa: E402
from harness.table import OURS  # noqa: E402

BEGIN = '<!-- from here: bench/readme.py -->'
END = '<!-- to here -->'
# What the work is, what to use for it, and the bench that shows it.
ROWS = [
    ('calls itself, a task for each call', '`tutti/fork.h`, no cut-off needed', 'fib'),
    ('searches a tree that nobody can cut evenly', '`tutti/fork.h`', 'uts'),
    ('loops over few items, very often', '`tutti/fork.h` with a grain', 'region'),
    ('computes over large arrays', '`tutti_for`, or `tutti/fork.h`', 'matmul'),
    ('starts many small things at once', '`tutti_go` in a scope', 'spawn'),
    ('passes messages between tasks of a thread', '`tutti_chan`', 'channel'),
    ('passes messages between threads', '`tutti_chan`', 'channel-2'),
    ('takes turns', '`tutti_yield`', 'yield'),
    ('waits with very many tasks at once', 'a task each, `?stack=16k`', 'parked-bytes'),
    ('sets a time limit for everything', 'deadlines of scopes', 'timer'),
    ('calls what may block or compute for long',
     'a new task each time (the first of a kind apart), or `tutti_blocking`',
     'blocking-p99'),
    ('waits most of the time', 'any executor', 'idle-cpu'),
    ('answers many connections', '`tutti/io.h`, `tutti/stream.h`', 'echo-64'),
    ('answers HTTP', 'the same; `examples/httpd.c`', 'http-64'),
    ('answers HTTP, requests in bursts', 'the same', 'http-pipelined'),
    ('holds 10,000 connections that say nothing', 'the same', 'idle-connections'),
    ('waits in libpq: 60 calls of 0.5 s, one thread', '`libtutti-hook`', 'hook-libpq'),
    ('waits in libcurl: 100 calls of 0.5 s, one thread', '`libtutti-hook`', 'hook-curl'),
    ('waits in hiredis: 100 calls of 0.5 s, one thread', '`libtutti-hook`', 'hook-hiredis'),
    ('may crash, a call at a time', '`processes://`', 'proc-roundtrip'),
    ('may crash, in thousands of small tasks', '`processes://`', 'proc-tasks'),
    ('sends much to processes and back, for each byte', '`processes://`', 'proc-bulk'),
    ('shows 1 GiB to four processes', '`tutti_share`', 'proc-pass'),
    ('loses a worker to `kill -9`, until that is known', '`processes://`', 'proc-kill'),
    ('hides a race: schedules tried', '`tutti explore`', 'explore-rate'),
    ('hides a race: seeded bugs found', '`tutti explore`', 'explore-found'),
    ('passes messages between processes that may crash', '`tutti/shared.h`', 'proc-channel'),
]


def load(path):
    with open(path) as f:
        return [json.loads(line) for line in f if line.strip()]


def figures(lines, bench, system):
    """The medians by number of workers: '1.41 / 0.72', or None."""
    found = {line['workers']: line['median'] for line in lines
             if line['bench'] == bench and line['system'] == system}
    return ' / '.join(number(found[n]) for n in sorted(found)) if found else None


def peers(lines, bench):
    """All others, the best first."""
    best = {}
    for line in lines:
        if line['bench'] == bench and line['system'] != OURS:
            known = best.get(line['system'], line['median'])
            best[line['system']] = min(known, line['median'])
    return sorted(best, key=best.get)


def table(lines, machine):
    text = ['| the work | use | bench | tutti | others |', '|---|---|---|---|---|']
    for work, use, bench in ROWS:
        ours = figures(lines, bench, OURS)
        if ours is None:
            continue
        unit = next(line['unit'] for line in lines if line['bench'] == bench)
        others = ', '.join(f'{p} {figures(lines, bench, p)}' for p in peers(lines, bench))
        text.append(f'| {work} | {use} | {bench}, {unit} | **{ours}** | {others} |')
    return '\n'.join(text + ['', words(lines, machine)])


def words(lines, machine):
    rounds_done = sorted({line['rounds'] for line in lines})
    versions = ', '.join(f'{name} {v}' for name, v in machine['versions'].items())
    cpus = f'{machine["cpus"]} CPU{"s" if machine["cpus"] > 1 else ""}'
    return (f'Medians of {rounds_done[0]} rounds in turn, with one / two workers where there '
            f'are two figures.\n{machine["cpu"]}, {cpus}, Linux {machine["kernel"]}; '
            f'{versions}.')


def take(folder, docs):
    from harness.benches import BENCHES
    for name, to in (('results.jsonl', 'bench.jsonl'), ('machine.json', 'bench.json')):
        shutil.copyfile(os.path.join(folder, name), os.path.join(docs, to))
    lines = load(os.path.join(docs, 'bench.jsonl'))
    shown = [rounds.Measured(b, [line for line in lines if line['bench'] == b.name], {})
             for b in BENCHES]
    for line in picture.draw(shown, docs, 'bench', kinds=('svg',)):
        print(line)


def main(argv, tree=TREE):
    check = argv == ['--check']
    if len(argv) > 1 or (argv and argv[0].startswith('-') and not check):
        sys.exit(__doc__)
    docs, path = os.path.join(tree, 'docs'), os.path.join(tree, 'README.md')
    if argv and not check:
        take(argv[0], docs)
    with open(os.path.join(docs, 'bench.json')) as f:
        machine = json.load(f)
    made = table(load(os.path.join(docs, 'bench.jsonl')), machine)
    return put(path, BEGIN, END, made, check)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
"""test-orders.py - is each memory order of the runtime needed, and would a test notice?
Every order that the cells in tests/cells/tutti use is made weaker by one step, alone, and
the cells that use it are explored; an order that can be weakened without any of them
failing is listed as a survivor: it is stronger than it needs to be, or no cell asks for
what it gives.

    test-orders.py BUILD [--seconds S] [--schedules N] [--jobs J] [WORD]...

WORD picks source files.  Each mutant has S seconds (default 2) in each cell that meets
it.  Nothing is compiled: libtutti-explore weakens the order at an address.  The exit status
is 0; the last line counts.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile

ORDERS = ['relaxed', 'consume', 'acquire', 'release', 'acq_rel', 'seq_cst']
# The next weaker orders of each.
WEAKER = {
    ('load', 2): [0], ('load', 5): [2], ('store', 3): [0], ('store', 5): [3],
    ('rmw', 2): [0], ('rmw', 3): [0], ('rmw', 4): [2, 3], ('rmw', 5): [4],
    ('cas', 2): [0], ('cas', 3): [0], ('cas', 4): [2, 3], ('cas', 5): [4],
    ('fence', 2): [0], ('fence', 3): [0], ('fence', 4): [2, 3], ('fence', 5): [4],
}


def explore(program, options):
    """(exit status, report)"""
    with tempfile.TemporaryFile() as report:
        env = dict(os.environ, TUTTI_EXPLORE=f'{options},report-fd={report.fileno()}')
        run = subprocess.run([program], env=env, pass_fds=[report.fileno()], check=False,
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        report.seek(0)
        text = report.read()
    return run.returncode, json.loads(text) if text else None


def places(program, addresses):
    """file:line of the innermost function at each return address."""
    asked = [f'{int(a, 16) - 1:x}' for a in addresses]
    said = subprocess.run(['addr2line', '-e', program] + asked, check=True, text=True,
                          stdout=subprocess.PIPE).stdout.splitlines()
    return {a: line.split(' ')[0] for a, line in zip(addresses, said)}


def sites(program, root):
    """{(place, op, order): [address]} of one cell"""
    found = collections.defaultdict(list)
    _, report = explore(program, 'schedules=200,seconds=5,orders=1')
    if report is None:
        sys.exit(f'{program}: no report')
    orders = report['orders']
    at = places(program, [pc for pc, _, _ in orders]) if orders else {}
    for pc, op, order in orders:
        place = os.path.relpath(os.path.realpath(at[pc].rsplit(':', 1)[0]), root)
        if place.startswith('src/'):
            found[f'{place}:{at[pc].rsplit(":", 1)[1]}', op, order].append(pc)
    return found


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('build')
    parser.add_argument('--seconds', type=float, default=2)
    parser.add_argument('--schedules', type=int, default=20000)
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    parser.add_argument('words', nargs='*')
    args = parser.parse_intermixed_args()
    root = os.path.realpath(os.path.join(os.path.dirname(__file__), '..'))
    folder = os.path.join(args.build, 'tests')
    cells = sorted(os.path.join(folder, n) for n in os.listdir(folder)
                   if n.startswith('cell_') and not n.endswith('.p'))
    where = {cell: sites(cell, root) for cell in cells}
    keys = sorted({key for found in where.values() for key in found
                   if not args.words or any(w in key[0] for w in args.words)})
    mutants = [(key, weaker) for key in keys for weaker in WEAKER.get(key[1:], [])]

    def judge(mutant):
        key, weaker = mutant
        users = sorted((c for c in cells if key in where[c]), key=lambda c: len(where[c]))
        for cell in users:
            status, _ = explore(cell, f'schedules={args.schedules},seconds={args.seconds},'
                                f'weaken={"+".join(where[cell][key][:60])}:{weaker}')
            if status == 1:
                return os.path.basename(cell)[5:]
        return None

    survivors = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for (key, weaker), killer in zip(mutants, pool.map(judge, mutants)):
            survivors += killer is None
            print(f'{key[0]:32} {key[1]:5} {ORDERS[key[2]]:>7} -> {ORDERS[weaker]:8}'
                  f' {"noticed by " + killer if killer else "SURVIVES"}', flush=True)
    print(f'{len(mutants)} orders weakened, {len(mutants) - survivors} noticed, '
          f'{survivors} survive')


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""test-orders.py - is each memory order of the runtime needed, and would a test notice?

Every order of src/ that the cells in tests/cells/tutti come to is made weaker by one step,
alone, and the cells that use it are explored until one fails: noticed.  One that no cell
notices has to be explained in tests/cells/tutti/orders.txt (argued); what is neither makes
the run fail: either the order is stronger than it needs to be, or a cell is missing or too
small.

    test-orders.py BUILD [--seconds S] [--schedules N] [--jobs J] [--quick] [WORD]...

WORD picks source files or functions; with --quick what is argued is not tried.  S (default
2) is the measure of patience: a mutant has a fifth of it in the three cells that are most
about its file, a tenth in all others; and if it is not explained four times S in the eight
first.  That is time of a CPU: where other work takes its share of them everything is given
as much longer.  Nothing is compiled: libtutti-explore weakens the order at an address.
Noticed is what the explorer reports as a failure and finds again when it replays it; a cell
that cannot be run ends the run.  Exit status: 1 when anything is unexplained, or an
explanation fits nothing any more.
Tests: tests/test_orders_test.py.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time

ORDERS = ['relaxed', 'consume', 'acquire', 'release', 'acq_rel', 'seq_cst']
# The next weaker orders of each.
WEAKER = {
    ('load', 2): [0], ('load', 5): [2], ('store', 3): [0], ('store', 5): [3],
    ('rmw', 2): [0], ('rmw', 3): [0], ('rmw', 4): [2, 3], ('rmw', 5): [4],
    ('cas', 2): [0], ('cas', 3): [0], ('cas', 4): [2, 3], ('cas', 5): [4],
    ('fence', 2): [0], ('fence', 3): [0], ('fence', 4): [2, 3], ('fence', 5): [4],
}
MOST = 500  # addresses that libtutti-explore weakens at once
# What these inline for their callers is each caller's own.
INLINE = ('base/fence.h',)

Site = collections.namedtuple('Site', 'file line function op order')


class CellError(Exception):
    """A cell that could not be explored, which says nothing of the mutant in it."""


def explore(program, options):
    """(exit status, report, what it said)"""
    with tempfile.TemporaryFile() as report, tempfile.TemporaryFile() as said:
        env = dict(os.environ, TUTTI_EXPLORE=f'{options},report-fd={report.fileno()}')
        run = subprocess.run([program], env=env, pass_fds=[report.fileno()], check=False,
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=said)
        report.seek(0)
        said.seek(0)
        text = report.read()
        return (run.returncode, json.loads(text) if text else None,
                said.read(2000).decode(errors='replace'))


def failed(program, status, report, said):
    """Has the explorer found a schedule that fails, and found it again?  Anything else that
    ends a program, a loader's error, a signal, a lack of memory, is no finding."""
    if status not in (0, 1) or report is None or (status == 1) != bool(report['failure']):
        raise CellError(f'{program}: exit status {status}, '
                        f'{"a" if report else "no"} report: {said.strip() or "no words"}')
    return status == 1 and report['failure']['sure']


def places(program, addresses, root):
    """(file below src/, line, function) at each return address; None where it is not ours."""
    asked = [f'{int(a, 16) - 1:x}' for a in addresses]
    said = subprocess.run(['addr2line', '-afi', '-e', program] + asked, check=True,
                          text=True, stdout=subprocess.PIPE).stdout
    found = {}
    for address, block in zip(addresses, re.split(r'^0x[0-9a-f]+\n', said, flags=re.M)[1:]):
        lines = block.splitlines()
        found[address] = None
        for function, at in zip(lines[::2], lines[1::2]):
            path, _, line = at.split(' ')[0].rpartition(':')
            _, source, file = path.rpartition('/src/')
            if not source or not os.path.exists(os.path.join(root, 'src', file)):
                break
            if file not in INLINE:
                found[address] = (file, int(line), function)
                break
    return found


def sites(program, root):
    """{Site: [address]} of one cell"""
    found = collections.defaultdict(list)
    status, report, said = explore(program, 'schedules=2000,seconds=3,orders=1')
    if failed(program, status, report, said) or status:
        raise CellError(f'{program}: fails as it is; make test says how')
    at = places(program, [pc for pc, _, _ in report['orders']], root)
    for pc, op, order in report['orders']:
        if at[pc]:
            found[Site(*at[pc], op, order)].append(pc)
    return found


class Argued:
    """A paragraph of orders.txt: FILE FUNCTION: WORDS OF THE LINE [-> WEAKER], and why."""

    def __init__(self, text):
        head, _, self.why = text.partition('\n')
        form = re.fullmatch(r'(\S+) (\w+):(?: (.+?))??(?: -> (\w+))?', head)
        if not form or not self.why.strip():
            sys.exit(f'orders.txt: "{head}": not FILE FUNCTION: WORDS [-> ORDER], and why')
        self.head = head
        self.file, self.function, self.words, self.weaker = form.groups()
        self.used = False

    def fits(self, site, weaker, source):
        fit = (site.file == self.file and site.function == self.function
               and (self.words or '') in source and self.weaker in (None, ORDERS[weaker]))
        self.used |= fit
        return fit


def read_argued(path):
    with open(path, encoding='utf-8') as f:
        text = re.sub(r'^#.*\n', '', f.read(), flags=re.M)
    return [Argued(p.strip()) for p in re.split(r'\n\s*\n', text) if p.strip()]


class Run:
    """The cells of one build, and what they notice."""

    def __init__(self, args):
        self.args = args
        self.root = os.path.realpath(os.path.join(os.path.dirname(__file__), '..'))
        folder = os.path.join(args.build, 'tests')
        cells = sorted(os.path.join(folder, n) for n in os.listdir(folder)
                       if n.startswith('cell_') and not n.endswith('.p'))
        self.pool = concurrent.futures.ThreadPoolExecutor(args.jobs)
        began, used = time.monotonic(), self.cpu_time()
        self.where = dict(zip(cells, self.pool.map(lambda c: sites(c, self.root), cells)))
        took = (time.monotonic() - began) * args.jobs
        self.slow = max(1, took / (self.cpu_time() - used))
        self.lines = {}

    @staticmethod
    def cpu_time():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def mutants(self):
        keys = sorted({key for found in self.where.values() for key in found})
        words = self.args.words
        return [(key, weaker) for key in keys for weaker in WEAKER.get(key[3:], [])
                if not words or any(w in key.file or w == key.function for w in words)]

    def source(self, site):
        if site.file not in self.lines:
            path = os.path.join(self.root, 'src', site.file)
            with open(path, encoding='utf-8') as f:
                self.lines[site.file] = f.read().splitlines()
        return self.lines[site.file][site.line - 1].strip()

    def cells_of(self, site):
        """Those that come to it; first where its file is most of what there is."""
        def weight(cell):
            found = self.where[cell]
            return sum(s.file == site.file for s in found) / len(found)
        return sorted((c for c in self.where if site in self.where[c]),
                      key=weight, reverse=True)

    def judge(self, mutant, most, seconds):
        """The cell that notices, or None."""
        site, weaker = mutant
        for cell in self.cells_of(site)[:most]:
            addresses = '+'.join(self.where[cell][site][:MOST])
            options = (f'schedules={self.args.schedules},seconds={seconds * self.slow},'
                       f'steps=20000,'
                       f'weaken={addresses}:{weaker}{site.op[0]}')
            if failed(cell, *explore(cell, options)):
                return os.path.basename(cell)[5:]
        return None

    def all(self, argued):
        """[(mutant, killer, Argued)], as they come"""
        mutants = self.mutants()

        def both(mutant):
            reasons = [a for a in argued if a.fits(*mutant, self.source(mutant[0]))]
            if reasons and self.args.quick:
                return mutant, None, reasons
            killer = (self.judge(mutant, 3, self.args.seconds / 5)
                      or self.judge(mutant, 100, self.args.seconds / 10))
            if not killer and not reasons:
                killer = self.judge(mutant, 8, self.args.seconds * 4)
            return mutant, killer, reasons

        yield from self.pool.map(both, mutants)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('build')
    parser.add_argument('--seconds', type=float, default=2)
    parser.add_argument('--schedules', type=int, default=200000)
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('words', nargs='*')
    args = parser.parse_intermixed_args()
    began = time.monotonic()
    run = Run(args)
    argued = read_argued(os.path.join(run.root, 'tests/cells/tutti/orders.txt'))
    count = collections.Counter()
    for (site, weaker), killer, reasons in run.all(argued):
        kind = 'noticed' if killer else 'argued' if reasons else 'UNEXPLAINED'
        count[kind] += 1
        print(f'{site.file}:{site.line} {site.function}: {site.op} {ORDERS[site.order]} -> '
              f'{ORDERS[weaker]}: {kind}{" by " + killer if killer else ""}'
              f'{", though it is argued" if killer and reasons else ""}', flush=True)
    stale = [a for a in argued if not a.used] if not args.words else []
    for a in stale:
        print(f'orders.txt: "{a.head}" fits nothing')
    print(f'{sum(count.values())} orders weakened: {count["noticed"]} noticed, '
          f'{count["argued"]} argued, {count["UNEXPLAINED"]} unexplained; '
          f'{time.monotonic() - began:.0f} s')
    return 1 if count['UNEXPLAINED'] or stale else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except CellError as e:
        sys.exit(f'test-orders: {e}')

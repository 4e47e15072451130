#!/usr/bin/env python3
"""suite.py - the explorer against the programs of this folder: every seeded bug must be
found, as what it is and where it is; the same program without it must raise no alarm; a
failure must replay to the same interleaving each time.

    suite.py TUTTI [NAME...]       a part, for `make test`: fewer schedules and replays
    TUTTI_TEST_ALL=1 suite.py ...  more of them, 1,000 replays, for `make test-all`
    suite.py TUTTI --table         a line a bug: schedules and seconds until found
    suite.py TUTTI --first         the same of the first eleven, over nine seeds each
    suite.py TUTTI --false N       N schedules in all of the programs without a bug
    suite.py TUTTI --replays N     N replays in all

CC names the compiler; NAME picks programs.  Output in TAP but for --table and --first.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUG = re.compile(r'^ \* bug (\d+)  ([a-z|-]+): (.*)$')
LIMIT = 10_000

# The bugs on which it was first shown that this can be done, by the names they had there: what
# fence was left out, what came in the wrong order, and how much code there was (LEN).
# (name, program, flags, kind)
FIRST = [
    ('deque TAKE_FENCE', '../cells/deque', ['-DNO_TAKE_FENCE'], 'assert'),
    ('deque STEAL_FENCE', '../cells/deque', ['-DNO_STEAL_FENCE'], 'assert'),
    ('deque PUSH_FENCE', '../cells/deque', ['-DNO_PUSH_FENCE'], 'race|assert'),
    ('park W_FENCE', 'park', ['-DBUG=1'], 'lost-wakeup'),
    ('park P_FENCE', 'park', ['-DBUG=2'], 'lost-wakeup'),
    ('park BUG_ORDER', 'park', ['-DBUG=3'], 'lost-wakeup'),
    ('futex BUG', 'futexevent', ['-DBUG=1'], 'lost-wakeup'),
    ('abba LEN=0', 'abba', ['-DBUG=1'], 'deadlock'),
    ('abba LEN=10', 'abba', ['-DBUG=1', '-DLEN=10'], 'deadlock'),
    ('abba LEN=100', 'abba', ['-DBUG=1', '-DLEN=100'], 'deadlock'),
    ('racy', 'bank', ['-DBUG=1'], 'race'),
]


class Bug:
    """A bug of a program: its number, kinds, words, and the lines that are its."""

    def __init__(self, program, number, kinds, text, lines):
        self.program, self.number, self.kinds = program, number, kinds.split('|')
        self.marks = re.findall(r'@(\w+)', text)
        self.words = re.sub(r'\s*@\w+', '', text).strip()
        self.lines = {i for i, line in enumerate(lines, 1)
                      for mark in self.marks
                      if re.search(r'/\*[^*]*@' + mark + r'\b', line)}
        if not self.marks and 'assert' in self.kinds:
            self.lines = {i for i, line in enumerate(lines, 1) if 'assert(' in line}

    def __str__(self):
        return f'{self.program}, bug {self.number}'


def read_bugs(path):
    """The bugs that the comment at the head of a program lists."""
    with open(path, encoding='utf-8') as file:
        text = file.read()
    head = text.split('*/')[0]
    found = []
    for line in head.split('\n'):
        match = BUG.match(line)
        if match:
            found.append([int(match[1]), match[2], match[3]])
        elif found and line.startswith(' *      '):
            found[-1][2] += ' ' + line[2:].strip()
    program = os.path.basename(path)[:-2]
    body = [''] * head.count('\n') + text[len(head):].split('\n')
    bugs = [Bug(program, *entry, body) for entry in found]
    for bug in bugs:
        if bug.marks and not bug.lines:
            raise SystemExit(f'{bug}: no line has one of its marks')
    return bugs


class Suite:
    """Builds and explores; everything is kept in one temporary folder."""

    def __init__(self, tutti, folder):
        self.tutti, self.folder = tutti, folder

    def build(self, program, number):
        """The program with that bug (0: none)."""
        return self.build_with(program, [f'-DBUG={number}'])

    def build_with(self, program, flags):
        path = os.path.join(self.folder, os.path.basename(program) + ''.join(flags))
        if not os.path.exists(path):
            run = subprocess.run([self.tutti, 'cc', '-Wall', '-Wno-atomic-alignment',
                                  '-D_GNU_SOURCE', *flags, '-o', path,
                                  os.path.join(HERE, program + '.c')],
                                 stderr=subprocess.PIPE, text=True, check=False)
            if run.returncode or 'warning:' in run.stderr:
                raise SystemExit(run.stderr)
        return path

    def explore(self, path, *options):
        """(exit code, report) of a search or a replay."""
        run = subprocess.run([self.tutti, 'explore', '--json', *options, path],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             check=False, stdin=subprocess.DEVNULL)
        try:
            report = json.loads(run.stdout)
            return run.returncode, dict(report, said=report.get('error', 'no failure'))
        except json.JSONDecodeError:
            return run.returncode, {'said': (run.stdout + run.stderr).strip()}

    def find(self, bug, seed=1):
        path = self.build(bug.program, bug.number)
        return self.explore(path, '--schedules', str(LIMIT), '--seed', str(seed))

    def right(self, program, schedules, seed=1):
        path = self.build(program, 0)
        return self.explore(path, '--schedules', str(schedules), '--seed', str(seed))


def complaint(bug, code, report):
    """Why this report is not a find of that bug; None if it is."""
    failure = report.get('failure')
    if code != 1 or not failure:
        return f'not found: exit {code}, {report["said"]}'
    if failure['kind'] not in bug.kinds:
        return (f'found as {failure["kind"]}, not {"|".join(bug.kinds)}: '
                f'{failure["words"]}')
    if not failure['sure']:
        return f'not found again from its seed: {failure["words"]}'
    places = {(os.path.basename(p.get('file') or ''), p.get('line'))
              for p in failure['where']}
    said = re.search(r'([\w.]+):(\d+)$', failure['words'])
    if failure['kind'] == 'assert' and said:  # compilers merge asserts, and lose lines
        places.add((said[1], int(said[2])))
    wanted = {(bug.program + '.c', line) for line in bug.lines}
    if wanted and not wanted & places:
        return f'found elsewhere: {sorted(places, key=str)}, not {sorted(wanted)}'
    return None


def alarm(code, report):
    """Why this report on a right program is an alarm; None if it is none."""
    if code == 0:
        return None
    failure = report.get('failure') or {}
    return f'exit {code}: {failure.get("words") or report.get("said")}'


class Tap:
    count = failed = 0

    def case(self, wrong, name):
        self.count += 1
        self.failed += wrong is not None
        print(f'{"ok" if wrong is None else "not ok"} {self.count} - {name}')
        if wrong is not None:
            print('# ' + str(wrong).replace('\n', '\n# '))
        sys.stdout.flush()


def essence(report):
    """What must be the same in each replay."""
    failure = report.get('failure') or {}
    return json.dumps([failure.get(key) for key in ('kind', 'words', 'where', 'steps')])


def replays(suite, bug, times):
    """Why a replay differed from the others; None if none did."""
    code, report = suite.find(bug)
    if code != 1:
        return f'{bug}: not found, so nothing to replay'
    path, seed = suite.build(bug.program, bug.number), str(report['failure']['seed'])
    seen = {essence(suite.explore(path, '--replay', seed)[1]) for _ in range(times)}
    seen.add(essence(report))
    if len(seen) == 1:
        return None
    return f'{bug}: {len(seen)} interleavings: {sorted(seen)}'


def table(suite, bugs):
    """Print what each bug took; the last line counts."""
    found, took = 0, []
    for bug in bugs:
        code, report = suite.find(bug)
        wrong = complaint(bug, code, report)
        schedules, seconds = report.get('schedules', 0), report.get('seconds', 0)
        found += wrong is None
        if wrong is None:
            took.append((schedules, seconds))
        print(f'{str(bug):22} {schedules:6} {seconds:9.4f} s  '
              f'{(report.get("failure") or {}).get("kind", "-"):15} '
              f'{wrong or bug.words}')
        sys.stdout.flush()
    if took:
        print(f'{found} of {len(bugs)} found within {LIMIT:,} schedules; median '
              f'{statistics.median(s for s, _ in took):.0f} schedules, '
              f'{statistics.median(t for _, t in took):.4f} s')
    return found < len(bugs)


def find_first(suite, entry, seed=1):
    """(complaint, schedules, seconds) of one of FIRST."""
    _, program, flags, kind = entry
    code, report = suite.explore(suite.build_with(program, flags), '--schedules',
                                 str(LIMIT), '--seed', str(seed))
    failure = report.get('failure') or {'kind': report['said'], 'sure': False}
    good = code == 1 and failure['kind'] in kind.split('|') and failure['sure']
    return (None if good else f'exit {code}: {failure["kind"]}',
            report.get('schedules', 0), report.get('seconds', 0))


def table_first(suite, seeds=9):
    """Print what each of FIRST took; the last line counts."""
    missed, medians = 0, []
    for entry in FIRST:
        runs = [find_first(suite, entry, 1 + 100_000 * i) for i in range(seeds)]
        lost = [wrong for wrong, _, _ in runs if wrong]
        missed += bool(lost)
        schedules, seconds = zip(*(run[1:] for run in runs))
        medians.append(statistics.median(seconds))
        print(f'{entry[0]:18} {entry[3]:12} {statistics.median(schedules):6.0f} schedules, '
              f'at most {max(schedules):6}; {medians[-1]:.4f} s, at most {max(seconds):.4f} s'
              f'{" " + lost[0] if lost else ""}')
        sys.stdout.flush()
    print(f'{len(FIRST) - missed} of {len(FIRST)} found within {LIMIT:,} schedules from each '
          f'of {seeds} seeds; median {statistics.median(medians):.4f} s')
    return missed > 0


def parallel(work, items):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield from zip(items, pool.map(work, items))


def check(suite, tap, programs, bugs, schedules, times):
    for bug, (code, report) in parallel(suite.find, bugs):
        tap.case(complaint(bug, code, report), f'{bug} is found: {bug.words}')
    for program, result in parallel(lambda p: suite.right(p, schedules), programs):
        tap.case(alarm(*result), f'{program} without a bug: no alarm')
    if not bugs or not times:
        return
    some = bugs[::max(1, len(bugs) // 12)][:12] if times < 1000 else bugs
    each = max(1, -(-times // len(some)))
    for bug, wrong in parallel(lambda b: replays(suite, b, each), some):
        tap.case(wrong, f'{bug} replays the same, {each} times')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('tutti')
    parser.add_argument('names', nargs='*', default=[])
    parser.add_argument('--table', action='store_true')
    parser.add_argument('--first', action='store_true')
    parser.add_argument('--false', type=int, dest='schedules')
    parser.add_argument('--replays', type=int)
    o = parser.parse_intermixed_args()
    paths = [p for p in sorted(glob.glob(os.path.join(HERE, '*.c')))
             if not o.names or os.path.basename(p)[:-2] in o.names]
    everything = [bug for path in paths for bug in read_bugs(path)]
    programs = sorted({bug.program for bug in everything})
    whole = os.environ.get('TUTTI_TEST_ALL') or o.names
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        suite = Suite(os.path.abspath(o.tutti), folder)
        if o.table:
            return table(suite, everything)
        if o.first:
            return table_first(suite)
        if o.schedules or o.replays:
            check(suite, tap, programs if o.schedules else [],
                  everything if o.replays else [], (o.schedules or 0) // len(programs),
                  o.replays or 0)
        else:
            bugs = everything if whole else [b for b in everything if b.number <= 2]
            check(suite, tap, programs, bugs, 20_000 if whole else 500,
                  1000 if whole and not o.names else 24)
            for entry, (wrong, schedules, seconds) in parallel(
                    lambda e: find_first(suite, e), FIRST if not o.names else []):
                tap.case(wrong, f'{entry[0]}: {schedules} schedules, {seconds:.4f} s')
    print(f'1..{tap.count}')
    return tap.failed > 0


if __name__ == '__main__':
    sys.exit(main())

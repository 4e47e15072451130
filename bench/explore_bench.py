#!/usr/bin/python3
"""explore_bench.py - the figures of `tutti explore`, a line of JSON for each.

    explore_bench.py BUILD rate|found|false

rate: schedules a second on the work-stealing deque of tests/explore without its bugs.
found: how many of each hundred seeded bugs are found within 10,000 schedules each, as
what they are and where they are.  false: alarms in a million schedules of the programs
without bugs.  Programs are built once, into BUILD/bench/explore.
"""
import glob
import json
import os
import sys

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TREE, 'tests/explore'))
sys.dont_write_bytecode = True
import suite as programs  # noqa: E402

RATE_SCHEDULES, FALSE_SCHEDULES = 400_000, 1_000_000


def rate(suite, _):
    code, report = suite.right('deque', RATE_SCHEDULES)
    if code != 0:
        raise SystemExit(f'deque: {programs.alarm(code, report)}')
    return report['schedules'] / report['seconds']


def found(suite, bugs):
    some = [bug for bug in bugs
            if programs.complaint(bug, *suite.find(bug)) is None]
    return 100 * len(some) / len(bugs)


def false(suite, bugs):
    names = sorted({bug.program for bug in bugs})
    return sum(programs.alarm(*suite.right(name, FALSE_SCHEDULES // len(names)))
               is not None for name in names)


def main():
    build, what = os.path.abspath(sys.argv[1]), sys.argv[2]
    folder = os.path.join(build, 'bench/explore')
    os.makedirs(folder, exist_ok=True)
    suite = programs.Suite(os.path.join(build, 'cli/tutti'), folder)
    paths = sorted(glob.glob(os.path.join(TREE, 'tests/explore/*.c')))
    bugs = [bug for path in paths for bug in programs.read_bugs(path)]
    figure = {'rate': rate, 'found': found, 'false': false}[what](suite, bugs)
    print(json.dumps({'bench': 'explore-' + what, 'system': 'tutti', 'median': figure}))


if __name__ == '__main__':
    main()

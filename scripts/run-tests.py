#!/usr/bin/env python3
"""run-tests.py - run `meson test` and say how many cases passed and failed.

    run-tests.py FOLDER [ARGUMENT OF MESON TEST]...
    run-tests.py --count FOLDER    counts what the last run left, even if it was cut off

Meson counts test programs; what a reader wants counted is cases, so this reads the
TAP that the programs wrote (from Meson's log).  The last line is `N passed, N failed`,
with `, N skipped` when some were; the exit status is 0 only when none failed.  A
program that ended badly without a failed case, or wrote fewer cases than it planned,
counts as one failure more.  Tests: tests/run_tests_test.py.
"""
import glob
import json
import os
import re
import subprocess
import sys

CASE = re.compile(r'(not )?ok\b(?P<rest>.*)')
PLAN = re.compile(r'1\.\.(\d+)\s*(#\s*skip)?', re.I)
SKIP = re.compile(r'#\s*skip', re.I)


def count_tap(text):
    """(passed, failed, skipped, planned) of one output; planned may be None."""
    passed = failed = skipped = 0
    planned = None
    for line in text.splitlines():
        case, plan = CASE.match(line), PLAN.match(line)
        if plan:
            planned = int(plan.group(1))
        elif case and SKIP.search(case.group('rest')):
            skipped += 1
        elif case:
            failed += bool(case.group(1))
            passed += not case.group(1)
    return passed, failed, skipped, planned


def count_test(test):
    """(passed, failed, skipped) of one record of Meson's log."""
    passed, failed, skipped, planned = count_tap(test.get('stdout') or '')
    good = test['result'] in ('OK', 'SKIP', 'EXPECTEDFAIL')
    if test['result'] == 'SKIP':
        return 0, 0, skipped or 1
    if planned is None and not passed and not failed:  # a program without TAP
        return int(good), int(not good), 0
    if not failed and (not good or planned != passed + skipped):
        failed = 1
    return passed, failed, skipped


def logs(folder):
    """Meson adds the name of a wrapper, such as valgrind, to the name of its log."""
    return glob.glob(os.path.join(folder, 'meson-logs', 'testlog*.json'))


def read_log(folder):
    tests = []
    for path in logs(folder):
        with open(path, encoding='utf-8', errors='replace') as log:
            tests += [json.loads(line) for line in log if line.endswith('}\n')]
    return tests


def report(tests, cut_off):
    passed = failed = skipped = 0
    for test in tests:
        p, f, s = count_test(test)
        passed, failed, skipped = passed + p, failed + f, skipped + s
        if f:
            print(f'\n--- {test["name"]}: {test["result"]}, '
                  f'{test.get("duration", 0):.1f} s')
            said = (test.get('stdout') or '') + (test.get('stderr') or '')
            print('\n'.join(line for line in said.splitlines()
                            if not re.match(r'ok \d+ ', line)))
    if cut_off or not tests:
        failed += 1
        print('the run was cut off' if tests else 'no test ran')
    skips = f', {skipped} skipped' if skipped else ''
    print(f'{passed} passed, {failed} failed{skips}')
    return failed


def main(args):
    if args[:1] == ['--count'] and len(args) == 2:
        return report(read_log(args[1]), cut_off=True) > 0
    if not args or args[0].startswith('-'):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    folder, rest = args[0], args[1:]
    for log in logs(folder):
        os.remove(log)
    run = subprocess.run(['meson', 'test', '-C', folder, '--no-rebuild'] + rest,
                         stdin=subprocess.DEVNULL, check=False)
    tests = read_log(folder)
    sys.stdout.flush()
    failed = report(tests, cut_off=run.returncode < 0)
    if run.returncode and not failed:
        print(f'meson test ended with {run.returncode}', file=sys.stderr)
    return failed > 0 or run.returncode != 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

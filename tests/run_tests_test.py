#!/usr/bin/env python3
"""run_tests_test.py - scripts/run-tests.py counts right: each case below is a record of
Meson's log and what must be counted from it.

    run_tests_test.py SCRIPT
"""
import importlib.util
import io
import sys
from contextlib import redirect_stdout
from tap import case, finish

CASES = [
    ('all pass', 'OK', 'ok 1 - a\nok 2 - b\n1..2\n', (2, 0, 0)),
    ('one fails', 'FAIL', 'ok 1 - a\nnot ok 2 - b\n# why\n1..2\n', (1, 1, 0)),
    ('one is skipped', 'OK', 'ok 1 - a # SKIP no cpu\nok 2 - b\n1..2\n', (1, 0, 1)),
    ('died before its plan', 'ERROR', 'ok 1 - a\n', (1, 1, 0)),
    ('fewer cases than planned', 'ERROR', '1..3\nok 1 - a\n', (1, 1, 0)),
    ('fewer cases than planned, unnoticed', 'OK', '1..3\nok 1 - a\n', (1, 1, 0)),
    ('hung', 'TIMEOUT', 'ok 1 - a\nok 2 - b\n', (2, 1, 0)),
    ('died without a word', 'FAIL', '', (0, 1, 0)),
    ('failed at its exit only', 'FAIL', 'ok 1 - a\n1..1\n', (1, 1, 0)),
    ('no TAP, good', 'OK', 'hello\n', (1, 0, 0)),
    ('no TAP, bad', 'FAIL', 'hello\n', (0, 1, 0)),
    ('no TAP, skipped', 'SKIP', '', (0, 0, 1)),
    ('all skipped by the plan', 'SKIP', '1..0 # SKIP nothing to do\n', (0, 0, 1)),
    ('words that begin like a case', 'OK', 'okay\nok 1 - a\n1..1\n', (1, 0, 0)),
]


def main():
    spec = importlib.util.spec_from_file_location('run_tests', sys.argv[1])
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for name, result, text, want in CASES:
        got = script.count_test({'result': result, 'stdout': text, 'name': name})
        case(got == want, f'{name}: {got}')
    said = io.StringIO()
    with redirect_stdout(said):
        nothing = script.report([], cut_off=False)
    case(nothing == 1 and said.getvalue().endswith('0 passed, 1 failed\n'),
         'a run without tests is a failure')
    with redirect_stdout(said):
        one = {'result': 'OK', 'stdout': 'ok 1\n1..1\n', 'name': 'x'}
        cut = script.report([one], cut_off=True)
    case(cut == 1 and said.getvalue().endswith('1 passed, 1 failed\n'),
         'a run that was cut off is a failure')
    finish()


if __name__ == '__main__':
    main()

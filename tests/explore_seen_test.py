#!/usr/bin/env python3
"""explore_seen_test.py - what the explorer says about the limits of what it saw:
the share of accesses without a hook, where they were, calls that are not modelled, and what the
model never shows.

    explore_seen_test.py TUTTI
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from tap import case, finish

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'explore')
# what is built: (least and most share unseen, a function that must be named, or None)
SHARES = {'NOTHING': (0, 0, None), 'COPIES': (0, 0, None), 'OBJECTS': (0, 0.4, ''),
          'BY_ASM': (0.005, 0.03, 'more'), 'ELSEWHERE': (0.3, 0.51, 'elsewhere'),
          'BY_LIBC': (0.01, 0.3, 'printf')}


def build(tutti, compiler, what, folder):
    part, program = os.path.join(folder, 'part.o'), os.path.join(folder, what)
    env = dict(os.environ, CC=compiler)
    subprocess.run([compiler, '-O1', '-x', 'c', '-c', os.path.join(HERE, 'plain.inc'),
                    '-o', part], check=True)
    subprocess.run([tutti, 'cc', '-D' + what, '-o', program,
                    os.path.join(HERE, 'seen.c'), part], check=True, env=env)
    return program


def explore(tutti, program, *options):
    run = subprocess.run([tutti, 'explore', *options, '--schedules', '100', program],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         stdin=subprocess.DEVNULL, timeout=120, check=False)
    return run.stdout


def judge(tutti, program, what):
    """Why what is said of this program is wrong; '' if it is right."""
    least, most, function = SHARES[what]
    report = json.loads(explore(tutti, program, '--json'))
    said = explore(tutti, program)
    named = [place['function'] for place in report['unseen_in']]
    if report['stepped'] < 50 or not least <= report['unseen'] <= most:
        return (f'{report["unseen"]} of {report["stepped"]} unseen, '
                f'not {least} to {most}')
    if what == 'OBJECTS':
        return f'{report["unseen_data"]} changed' if report['unseen_changes'] else ''
    if function and not any(function in name for name in named):
        return f'{function} is not among {named}'
    if function and ('unseen:' not in said or named[0] not in said):
        return said
    if not function and (named or 'unseen:' in said):
        return f'{named}\n{said}'
    if len(report['never']) != 4 or 'never shown: ' not in said:
        return f'{report["never"]}\n{said}'
    return ''


def main():
    tutti = os.path.abspath(sys.argv[1])
    for compiler in (c for c in ('gcc', 'clang-14') if shutil.which(c)):
        with tempfile.TemporaryDirectory() as folder:
            for what in SHARES:
                program = build(tutti, compiler, what, folder)
                wrong = judge(tutti, program, what)
                case(not wrong, f'{what} ({compiler})', wrong)
    finish()


if __name__ == '__main__':
    main()

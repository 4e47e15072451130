#!/usr/bin/env python3
"""explore_test.py - the cells in tests/cells/, built by each compiler there is and linked
with libtutti-explore: a good one passes every schedule, a bad one is found, as what it
is, within 10,000 schedules, with a seed that brings it back.

    explore_test.py FOLDER-OF-LIBRARY [WORD]...

A line `explore: FLAGS -> KIND [OPTIONS]` in a cell's first comment is one case; KIND is
that of the report (good: nothing found), OPTIONS go to TUTTI_EXPLORE.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'cells')
CASE = re.compile(r'explore:(?P<flags>[^>]*)->\s*(?P<kind>[\w-]+)[ \t]*(?P<options>[\w=,-]*)')
SCHEDULES_GOOD, SCHEDULES_BAD = 3000, 10000


def cells(words):
    for name in sorted(os.listdir(HERE)):
        if not name.endswith('.c') or (words and not any(w in name for w in words)):
            continue
        with open(os.path.join(HERE, name), encoding='utf-8') as file:
            head = file.read().split('*/')[0]
        for match in CASE.finditer(head):
            yield name, match['flags'].split(), match['kind'], match['options']


def build(compiler, library, name, flags, to):
    source = os.path.join(HERE, name)
    subprocess.run([compiler, '-g', '-O1', '-w', '-D_GNU_SOURCE', '-fsanitize=thread',
                    '-c', source, '-o', to + '.o'] + flags, check=True)
    subprocess.run([compiler, to + '.o', '-o', to, '-L' + library, '-ltutti-explore',
                    '-pthread', '-Wl,-rpath,' + library], check=True)


def explore(program, options):
    """(status, what it printed, report or None)"""
    with tempfile.TemporaryFile() as report:
        env = dict(os.environ, TUTTI_EXPLORE=f'{options},report-fd={report.fileno()}')
        run = subprocess.run([program], env=env, pass_fds=[report.fileno()], timeout=120,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             stdin=subprocess.DEVNULL, check=False)
        report.seek(0)
        text = report.read().decode()
    return run.returncode, run.stderr.decode(), json.loads(text) if text else None


def judge(program, kind, options):
    """Why the cell did not do what it says, or ''."""
    schedules = SCHEDULES_GOOD if kind == 'good' else SCHEDULES_BAD
    status, said, report = explore(program, f'schedules={schedules},{options}')
    failure = report and report['failure']
    found = failure['kind'] if failure else 'good'
    if report is None or found != kind or status != (kind != 'good'):
        return f'found {found}, status {status}\n{said}'
    if not failure:
        return ''
    if not failure['sure']:
        return 'not found again\n' + said
    again = explore(program, f'replay={failure["seed"]},{options}')
    if again[1] != said:
        return f'the replay differs\n{said}---\n{again[1]}'
    return ''


def main():
    library, words = os.path.abspath(sys.argv[1]), sys.argv[2:]
    compilers = [c for c in ('gcc', 'clang-14') if shutil.which(c)]
    count = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for compiler in compilers:
            for name, flags, kind, options in cells(words):
                program = os.path.join(folder, f'cell{count}')
                build(compiler, library, name, flags, program)
                why = judge(program, kind, options)
                count, failed = count + 1, failed + bool(why)
                print(f'{"not ok" if why else "ok"} {count} - {name} {" ".join(flags)} '
                      f'{kind} ({compiler})')
                for line in why.splitlines():
                    print('# ' + line)
    print(f'1..{count}')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())

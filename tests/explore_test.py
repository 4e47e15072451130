#!/usr/bin/env python3
"""explore_test.py - the cells in tests/cells/, built by each compiler there is and linked
with libtutti-explore: a good one passes every schedule, a bad one is found, as what it
is, within 10,000 schedules, with a seed that brings it back.

    explore_test.py FOLDER-OF-LIBRARY [WORD]...

A line `explore: FLAGS -> KIND [OPTIONS]` in a cell's first comment is one case; KIND is
that of the report (good: nothing found), OPTIONS go to TUTTI_EXPLORE.
"""
import concurrent.futures
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from tap import case, finish

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'cells')
CASE = re.compile(r'explore:(?P<flags>[^>]*)->\s*(?P<kind>[\w-]+)[ \t]*(?P<options>[\w=,-]*)')
SCHEDULES_GOOD, SCHEDULES_BAD = 2000, 10000


def cells(words):
    for name in sorted(os.listdir(HERE)):
        if not name.endswith(('.c', '.cc')) or (words and not any(w in name for w in words)):
            continue
        with open(os.path.join(HERE, name), encoding='utf-8') as file:
            head = file.read().split('*/')[0]
        for match in CASE.finditer(head):
            yield name, match['flags'].split(), match['kind'], match['options']


def build(compiler, library, name, flags, to):
    source = os.path.join(HERE, name)
    if name.endswith('.cc'):
        compiler = {'gcc': 'g++', 'clang-14': 'clang++-14'}[compiler]
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
    if not failure['sure'] and 'fork=1,seconds' not in options and kind != 'stuck':
        return 'not found again\n' + said
    again = explore(program, f'replay={failure["seed"]},{options}')
    if again[1] != said:
        return f'the replay differs\n{said}---\n{again[1]}'
    return ''


NOT_INSTRUMENTED = 'int main(void) { return 0; }'
BY_ASM = """
#include <pthread.h>
int x;
static void *f(void *a) { __asm__ volatile("lock incl %0" : "+m"(x)); return a; }
int main(void)
{
    pthread_t a, b;
    pthread_create(&a, 0, f, 0), pthread_create(&b, 0, f, 0);
    pthread_join(a, 0), pthread_join(b, 0);
    return x != 2;
}
"""


def sentences(library, folder):
    """(name, why it is wrong or '') of what is said to bad input and of other manners."""
    program, other, bare = (os.path.join(folder, n) for n in ('p', 'q', 'bare'))
    build('gcc', library, 'account.c', ['-DTWO_STEPS'], program)
    build('gcc', library, 'account.c', ['-DTWO_STEPS', '-DMORE'], other + 'x')
    build('gcc', library, 'deque.c', [], other)

    def said(options, words, status=2, of=program):
        got, text, _ = explore(of, options)
        return '' if got == status and words in text else f'{got}: {text}'

    def compiled(text, flags, link):
        with open(bare + '.c', 'w', encoding='utf-8') as file:
            file.write(text)
        subprocess.run(['gcc', '-g', '-c', bare + '.c', '-o', bare + '.o'] + flags, check=True)
        subprocess.run(['gcc', bare + '.o', '-o', bare, '-L' + library, '-pthread',
                        '-Wl,--no-as-needed', '-ltutti-explore',
                        '-Wl,-rpath,' + library] + link, check=True)

    for options, words in (
            ('schedules=many', 'schedules=many: that is not a number'),
            ('strategy=lucky', 'strategy=lucky: there are random'),
            ('colour=1', 'colour: no such option'),
            ('replay=x', 'that is not a seed'), ('replay=3.12', 'that is not a seed'),
            ('gdb=1', 'gdb=1 goes with replay'), ('progress-fd=77', 'is not open'),
            ('replay=3n.12345678', 'that is not a seed'),
            ('replay=3ne5.12345678', 'that is not a seed'),
            ('replay=5.00000001', 'belongs to another build')):
        yield options, said(options, words)
    compiled(NOT_INSTRUMENTED, [], [])
    yield 'not built with the flag', said('', 'no part of this program was built with '
                                          '-fsanitize=thread', of=bare)
    compiled(BY_ASM, ['-fsanitize=thread'], [])
    yield 'inline asm', said('', 'such as x: by a function of libc', status=0, of=bare)
    compiled(BY_ASM, ['-fsanitize=thread'], ['-fsanitize=thread'])
    yield 'linked with libtsan too', said('', 'ThreadSanitizer is linked too', of=bare)
    plain = subprocess.run([other], env={}, timeout=60, check=False)
    yield 'plain run', f'status {plain.returncode}' if plain.returncode else ''
    first = explore(program, 'schedules=10000')
    seed = first[2]['failure']['seed']
    for _ in range(20):
        again = explore(program, 'replay=' + seed)
        if again[1] != first[1]:
            yield 'replays', f'{first[1]}---\n{again[1]}'
            break
    else:
        yield 'replays', ''
    _, text, report = explore(program, 'schedules=5000,steps=300,status=7,seed=5')
    seed = report['failure']['seed']
    again = explore(program, 'replay=' + seed)[1]
    yield 'steps and status in the seed', '' if 'n300e7.' in seed and again == text else \
        f'{text}---\n{again}'
    ordered = os.path.join(folder, 'ordered')
    build('gcc', library, 'litmus.c', ['-DTEST=5'], ordered)
    _, text, report = explore(ordered, 'schedules=2000,orders=1')
    sites = [pc for pc, op, order in report['orders'] if (op, order) == ('store', 3)]
    weaker = explore(ordered, f'schedules=2000,weaken={"+".join(sites)}:0')[2]
    yield 'a release that is made weaker is missed', '' if not report['failure'] and \
        weaker['failure']['kind'] == 'assert' else f'{sites}\n{text}'
    for name in ('random', 'sticky', 'pct', 'focus', 'round'):
        _, text, report = explore(program, f'schedules=10000,strategy={name}')
        found = report['failure'] and report['failure']['kind']
        again = explore(program, 'replay=' + report['failure']['seed'])[1] if found else ''
        yield 'strategy ' + name, '' if found == 'assert' and again == text else text + again


def main():
    library, words = os.path.abspath(sys.argv[1]), sys.argv[2:]
    compilers = [c for c in ('gcc', 'clang-14') if shutil.which(c)]

    def one(number, compiler, cell):
        name, flags, kind, options = cell
        program = os.path.join(folder, f'cell{number}')
        build(compiler, library, name, flags, program)
        why = judge(program, kind, options)
        os.remove(program)
        return f'{name} {" ".join(flags)} {kind} ({compiler})', why

    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [(compilers[0], cell) for cell in cells(words)]
        for compiler in compilers[1:]:  # some are enough, but in test-all
            jobs += [(compiler, cell) for i, cell in enumerate(cells(words))
                     if i % 8 == 0 or 'TUTTI_TEST_ALL' in os.environ]
        results = pool.map(lambda job: one(job[0], *job[1]), enumerate(jobs))
        more = [] if words else sentences(library, folder)
        for name, why in itertools.chain(results, more):
            case(not why, name, why)
    finish()


if __name__ == '__main__':
    main()

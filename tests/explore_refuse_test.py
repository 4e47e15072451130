#!/usr/bin/env python3
"""explore_refuse_test.py - what the explorer cannot do: calls that it does not
model, and its own requests for memory, processes and files when they are refused.  Each is one
sentence and a documented status, in good time, and never a hang.

    explore_refuse_test.py TUTTI
"""
import json
import os
import re
import subprocess
import sys
import tempfile
from tap import case, finish

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'explore')
SECONDS = 60  # more than any of them takes on a machine that has much else to do
REQUESTS = 36  # a run makes about thirty


def build(tutti, name, to, *flags):
    subprocess.run([tutti, 'cc', '-D_GNU_SOURCE', '-w', *flags, '-o', to,
                    os.path.join(HERE, name + '.c')], check=True)


def call(tutti, program, name):
    """Why this call is not refused by its name; '' if it is."""
    run = subprocess.run([tutti, 'explore', '--json', program, '--', name],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         stdin=subprocess.DEVNULL, timeout=SECONDS, check=False)
    try:
        failure = json.loads(run.stdout)['failure']
    except (ValueError, KeyError):
        return f'exit {run.returncode}: {run.stdout}'
    if run.returncode != 1 or not failure or failure['kind'] != 'unmodelled':
        return f'exit {run.returncode}: {failure}'
    return '' if re.search(rf'\b{name}\b', failure['words']) else failure['words']


def refuse(program, request, options):
    """(status, what is said) when that request is refused."""
    env = dict(os.environ, TUTTI_EXPLORE=f'refuse={request},schedules=200,{options}')
    run = subprocess.run([program], env=env, stdout=subprocess.DEVNULL, text=True,
                         stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                         timeout=SECONDS, check=False)
    return run.returncode, run.stderr


def sentence(status, said, found):
    """Why this is no good answer to a request that was refused; '' if it is one."""
    if status == 2:
        good = re.fullmatch(r'tutti explore: [^\n]{10,}\n', said)
    elif found:
        good = status == 1 and said.startswith('FAILED') and '\nseed: ' in said
    else:
        good = status == 0 and said.startswith('nothing failed')
    return '' if good else f'status {status}: {said}'


def requests(program, options, found, name):
    wrong, said = '', set()
    for number in range(1, REQUESTS + 1):
        status, text = refuse(program, number, options)
        if sentence(status, text, found):
            wrong = f'request {number}: ' + sentence(status, text, found)
            break
        if status == 2:
            said.add(text)
    if not wrong and len(said) < 6:
        wrong = f'only these were said: {sorted(said)}'
    case(not wrong, f'{name}: each request refused in turn', wrong)


def main():
    tutti = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        calls, bad, good = (os.path.join(folder, n) for n in ('calls', 'bad', 'good'))
        build(tutti, 'refused', calls)
        names = subprocess.run([calls, 'list'], stdout=subprocess.PIPE, text=True,
                               check=True).stdout.split()
        for name in names:
            wrong = call(tutti, calls, name)
            case(not wrong, f'{name} is refused by its name', wrong)
        build(tutti, 'counter', bad, '-DBUG=1')
        build(tutti, 'counter', good)
        requests(bad, '', True, 'a failure')
        requests(bad, 'fork=1', True, 'a failure, a process for each schedule')
        requests(good, '', False, 'no failure')
    finish()


if __name__ == '__main__':
    main()

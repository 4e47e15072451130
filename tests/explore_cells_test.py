#!/usr/bin/env python3
"""explore_cells_test.py - the runtime's own cells (tests/cells/tutti) under the explorer:
none may fail in any schedule.

    explore_cells_test.py SCHEDULES PROGRAM...

Each program runs under that many schedules, from another seed each time unless
CHECK_SEED names the first, which is printed.  A failure prints its report, whose last
line names the seed that brings it back.
"""
import concurrent.futures
import os
import random
import subprocess
import sys
from tap import case, finish


def explore(program, schedules, seed):
    env = dict(os.environ, TUTTI_EXPLORE=f'schedules={schedules},seed={seed}')
    run = subprocess.run([program], env=env, timeout=280, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    return run.returncode, run.stderr.decode(errors='replace')


def main():
    schedules, programs = int(sys.argv[1]), sys.argv[2:]
    seed = int(os.environ.get('CHECK_SEED', random.randrange(1, 1 << 40)))
    print(f'# CHECK_SEED={seed}')
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda p: explore(p, schedules, seed), programs)
        for program, (status, said) in zip(programs, results):
            name = os.path.basename(program)
            case(status == 0, f'{name}, {schedules} schedules', said)
    finish()


if __name__ == '__main__':
    main()

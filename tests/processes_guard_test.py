#!/usr/bin/env python3
"""processes_guard_test.py - processes:// from a program of another language, which loads the
library while it runs: its workers are the program tutti-worker, which finds the tasks in
the libraries that were loaded here.

    processes_guard_test.py PLUGIN WORKER
"""
import ctypes
import resource
import subprocess
import sys

plugin, worker = sys.argv[1:3]
results = []


def check(name, good, said=''):
    results.append(good)
    print(f"{'ok' if good else 'not ok'} {len(results)} - {name}")
    if not good:
        print(f'# {said}')


most = resource.getrlimit(resource.RLIMIT_NPROC)[1]
resource.setrlimit(resource.RLIMIT_NPROC, (2000 if most < 0 else min(most, 2000), most))
library = ctypes.CDLL(plugin)
library.plugin_why.restype = ctypes.c_char_p
got = library.plugin_plus(b'processes://2', 5)
check('a task of a library that an interpreter loaded runs in workers', got == 1005,
      f'{got}: {library.plugin_why().decode()}')
got = library.plugin_plus(b'threads://2', 6)
check('and in threads', got == 1006, f'{got}: {library.plugin_why().decode()}')
by_hand = subprocess.run([worker], capture_output=True, text=True, timeout=60)
check('the worker program called by hand says what it is',
      by_hand.returncode == 2 and 'processes://' in by_hand.stdout, by_hand)
print(f'1..{len(results)}')

#!/usr/bin/env python3
"""test_orders_test.py - scripts/test-orders.py takes for noticed what the explorer has found
and found again, and nothing else that ends a cell.

    test_orders_test.py SCRIPT
"""
import importlib.util
import os
import sys
import tempfile
from tap import case, finish

# What a cell does, and what is to be made of it: None is an error of the run.
SURE = '{"failure":{"kind":"race","sure":true}}'
CELLS = [
    ('nothing failed', 'echo \'{"failure":null}\' >&3; exit 0', False),
    ('a failure', f"echo '{SURE}' >&3; exit 1", True),
    ('a failure that does not come again',
     'echo \'{"failure":{"kind":"crash","sure":false}}\' >&3; exit 1', False),
    ('exit 1 and no report', 'exit 1', None),
    ('exit 1 and a report of no failure', 'echo \'{"failure":null}\' >&3; exit 1', None),
    ('a failure and exit 0', f"echo '{SURE}' >&3; exit 0", None),
    ('refused', 'echo tutti explore: cannot >&2; exit 2', None),
    ('killed', 'kill -9 $$', None),
    ('a library that is missing', 'exit 127', None),
]


def load(path):
    spec = importlib.util.spec_from_file_location('test_orders', path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def verdict(script, cell):
    try:
        return script.failed(cell, *script.explore(cell, 'schedules=1'))
    except script.CellError as e:
        return None if cell in str(e) else e


def main():
    script = load(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        for name, does, wanted in CELLS:
            cell = os.path.join(folder, 'cell_' + name.replace(' ', '_'))
            with open(cell, 'w', encoding='utf-8') as f:
                f.write('#!/bin/sh\nfd=${TUTTI_EXPLORE##*report-fd=}\n'
                        f'exec 3>&"$fd"\n{does}\n')
            os.chmod(cell, 0o755)
            got = verdict(script, cell)
            case(got is wanted, f'{name}: {wanted}', got)
    finish()


if __name__ == '__main__':
    main()

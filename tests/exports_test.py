#!/usr/bin/env python3
"""exports_test.py - the shared library gives exactly the functions that the public
headers declare with TUTTI_API: one more is a private name that somebody will come to
use, one less is a program that does not link.  Each carries a version.

    exports_test.py SOURCE_ROOT LIBRARY...    libtutti, and libtutti-tls where it is built
"""
import os
import re
import subprocess
import sys

ROOT, LIBRARIES = sys.argv[1], sys.argv[2:]
sys.path.insert(0, os.path.join(ROOT, 'scripts'))
import api  # noqa: E402
from tap import case, finish  # noqa: E402


def exports(library):
    """{name: version} of what a library defines for others; readelf reads the files of
    every architecture.  Sanitizers and the linker add names that are not ours."""
    run = subprocess.run(['readelf', '--dyn-syms', '--wide', library], check=True,
                         stdout=subprocess.PIPE, text=True)
    found = {}
    for line in run.stdout.splitlines():
        words = line.split()
        if len(words) < 8 or words[6] in ('UND', 'Ndx') or words[4] == 'LOCAL':
            continue
        name, _, version = words[7].partition('@')
        if words[6] != 'ABS' and not re.match(r'_|\.|TUTTI_|asan|tsan|ubsan', name):
            found[name] = version.lstrip('@')
    return found


def differences(declared, given):
    return [f'declared in include/, not exported: {name}'
            for name in sorted(declared - given)] + \
           [f'exported, not declared in include/: {name}'
            for name in sorted(given - declared)]


def main():
    declared = {name for name in api.exported(os.path.join(ROOT, 'include'))
                if len(LIBRARIES) > 1 or not name.startswith('tutti_tls_')}
    given = {name: version for library in LIBRARIES
             for name, version in exports(library).items()}
    differ = differences(declared, set(given))
    case(not differ, f'{len(declared)} calls are declared and exported', differ)
    bare = [name for name, version in given.items() if not version.startswith('TUTTI_')]
    case(not bare, 'each export carries a version', bare)
    case(len(differences(declared | {'tutti_planted'}, declared)) == 1,
         'a call that is missing is found')
    case(len(differences(declared, declared | {'planted'})) == 1,
         'a name that leaked is found')
    finish()


if __name__ == '__main__':
    main()

"""machine.py - on what machine and beside which versions figures were measured."""
import os
import platform
import re
import subprocess

VERSIONS = {  # what a program of that name says, and where the number stands in it
    'gcc': (['cc', '-dumpfullversion'], r'(\S+)'),
    'go': (['/usr/bin/go', 'version'], r'go([\d.]+)'),
    'onetbb': (['dpkg-query', '-W', '-f=${Version}', 'libtbb-dev'], r'([\d.]+)'),
    'boost': (['dpkg-query', '-W', '-f=${Version}', 'libboost-context-dev'], r'([\d.]+\d)'),
    'python': (['/usr/bin/python3', '--version'], r'([\d.]+)'),
    'uvloop': (['dpkg-query', '-W', '-f=${Version}', 'python3-uvloop'], r'([\d.]+\d)'),
}


def describe():
    """{'cpu', 'cpus', 'kernel', 'versions'}; what cannot be found out is left out."""
    return {'cpu': _cpu(), 'cpus': len(os.sched_getaffinity(0)),
            'kernel': platform.release().split('-')[0],
            'versions': {name: v for name, (argv, pattern) in VERSIONS.items()
                         if (v := _version(argv, pattern))}}


def _cpu():
    with open('/proc/cpuinfo') as f:
        found = re.search(r'^model name\s*:\s*(.+)$', f.read(), re.M)
    return ' '.join(found.group(1).split()) if found else platform.machine()


def _version(argv, pattern):
    try:
        said = subprocess.run(argv, capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(pattern, said)
    return found and found.group(1)

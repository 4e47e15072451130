"""programs.py - the programs that benches run: where each is, what makes it, and the
Debian package that it takes.  A program that cannot be made is a reason in words, not an
end: its system is missing from the figures and is named.  Tests: tests/bench_test.py."""
import os
import shutil
import subprocess
from dataclasses import dataclass

PEERS = 'bench/peers/'


@dataclass(frozen=True)
class Program:
    """{tree} and {build} are filled in wherever they stand."""
    run: tuple           # argv
    make: tuple = ()     # argv that makes it; (): there is nothing to make
    sources: tuple = ()  # below the tree; made again when one is newer
    package: str = None  # what it takes from Debian
    probe: tuple = ()    # argv that succeeds where that is installed


def target(name, *environment):
    """One of tutti's own, made by ninja, and what it finds in its environment."""
    path = '{build}/bench/' + name
    return Program(('env', *environment, path) if environment else (path,),
                   ('ninja', '-C', '{build}', 'bench/' + name))


def compiled(name, how, sources, package, libraries=()):
    """A peer in C, C++ or Go.  `sources` are below bench/; headers are only looked at."""
    files = tuple('{tree}/bench/' + s for s in sources if not s.endswith('.h'))
    out = '{build}/bench/peers/' + name
    return Program((out,), tuple(how) + ('-o', out) + files + tuple(libraries),
                   tuple('bench/' + s for s in sources), package)


def script(source, *targets):
    """One of tutti's own in Python, which gets the build folder and needs those targets."""
    return Program((debian('python3'), '{tree}/bench/' + source, '{build}'),
                   ('ninja', '-C', '{build}') + targets)


def interpreted(source, package, probe=None):
    """A peer in Debian's Python, with the module `probe`."""
    python = debian('python3')
    return Program((python, '{tree}/' + PEERS + source), package=package,
                   probe=(python, '-c', 'import ' + probe) if probe else ())


def debian(name):
    """Debian's own, since that is the peer, and not what else comes first in PATH."""
    path = '/usr/bin/' + name
    return path if os.access(path, os.X_OK) else shutil.which(name) or name


class Maker:
    """Makes each program once, and remembers what came of it."""

    def __init__(self, programs, tree, build, env=None):
        self.programs, self.tree, self.build, self.env = programs, tree, build, env
        self.known = {}

    def argv(self, name):
        """(argv, None), or (None, why not)."""
        if name not in self.known:
            self.known[name] = self._make(self.programs[name])
        return self.known[name]

    def _make(self, p):
        argv = self._filled(p.run)
        takes = f'; it takes the package {p.package}' if p.package else ''
        if p.probe and self._complaint(p.probe) is not None:
            return None, 'it is not installed' + takes
        if p.make and self._stale(p, argv[0]):
            os.makedirs(os.path.dirname(os.path.abspath(argv[0])), exist_ok=True)
            why = self._complaint(self._filled(p.make))
            if why is not None:
                return None, f'it cannot be built{takes}: {why}'
        return argv, None

    def _filled(self, words):
        return tuple(w.format(tree=self.tree, build=self.build) for w in words)

    def _stale(self, p, made):
        if not p.sources or not os.path.exists(made):
            return True
        when = os.path.getmtime(made)
        return any(os.path.getmtime(os.path.join(self.tree, s)) > when for s in p.sources)

    def _complaint(self, argv):
        """Of a command that fails, the line that tells most; else None."""
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, errors='replace', timeout=600, env=self.env)
        except (OSError, subprocess.TimeoutExpired) as e:
            return str(e)
        if done.returncode == 0:
            return None
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        errors = [line for line in said if 'error' in line.lower()]
        return (errors or said or ['it said nothing'])[0][:200]

"""table.py - what a bench is made of, and the goals that its figures are held against.
The benches themselves are in benches.py.  Tests: tests/bench_test.py."""
from dataclasses import dataclass, field

OURS = 'tutti'


@dataclass(frozen=True)
class Command:
    """One system's way to run a bench: a program of programs.py and its arguments, in
    which {workers} stands for the number of workers.  It prints JSON lines like
    {"bench": "fib", "median": 1.3, "check": "2178309"}: see CONTRIBUTING.md."""
    program: str
    args: tuple = ()
    workers: tuple = None   # None: as the bench says
    says: str = None        # what it prints as "system", if not the name it has here
    line: str = None        # and as "bench", if not the bench's
    baseline: bool = False  # a floor to compare with, not somebody to be ahead of


@dataclass(frozen=True)
class Goal:
    """What a figure of ours is held against: see the four kinds below."""
    limit: float
    than: str = None
    workers: int = 1
    than_workers: int = None  # None: as many if there are, else one

    def judge(self, bench, values):
        """(figure, met), or None when what it takes was not measured."""
        base, ours = self._base(values), values.get((OURS, self.workers))
        if ours is None or base is None:
            return None
        figure = self._figure(bench, ours, base)
        return figure, self._met(figure)

    def mark(self, bench, values):
        """The figure that would just do, for the picture; None: there is no such."""
        base = self._base(values)
        return base and base * self.limit

    def _base(self, values):
        if self.than is None:
            return 1
        counts = [self.than_workers] if self.than_workers else [self.workers, 1]
        return next((values[self.than, n] for n in counts
                     if values.get((self.than, n))), None)

    def _figure(self, bench, ours, base):
        return ours / base

    def _met(self, figure):
        return figure <= self.limit

    def _limit(self, bench):
        return f'{self.limit:g}x {self.than}' if self.than else f'{self.limit:g} {bench.unit}'


class AtMost(Goal):
    """Ours is at most `limit` times that of system `than`, or, without, at most `limit`."""

    def words(self, bench):
        return f'at most {self._limit(bench)}'


class AtLeast(Goal):
    """The same for what should be large: a rate, a share, a count."""

    def words(self, bench):
        return f'at least {self._limit(bench)}'

    def _met(self, figure):
        return figure >= self.limit


class Over(Goal):
    """Ours is at most `limit` above that of system `than`, in the bench's unit."""

    def words(self, bench):
        return f'at most {self.limit:g} {bench.unit} over {self.than}'

    def mark(self, bench, values):
        base = self._base(values)
        return base and base + self.limit

    def _figure(self, bench, ours, base):
        return ours - base


class SpeedUp(Goal):
    """`workers` of ours, 2 unless given, are together at least `limit` times as fast as
    one."""

    def __init__(self, limit, workers=2):
        super().__init__(limit, OURS, workers, 1)

    def words(self, bench):
        return f'at least {self.limit:g} times one worker'

    def mark(self, bench, values):
        return None

    def _figure(self, bench, ours, base):
        return base / ours if bench.less else ours / base

    def _met(self, figure):
        return figure >= self.limit


@dataclass(frozen=True)
class Bench:
    """One name of `make bench`."""
    name: str
    unit: str
    means: str               # what one of the unit's numbers is the cost of
    systems: dict            # system: Command; ours is among them
    goals: tuple = ()
    workers: tuple = (1,)    # SCALE: 1, 2, 4 ... as many as there are CPUs
    less: bool = True        # less is better
    ahead: bool = True       # to be ahead of every system that is no baseline
    timeout: float = 60      # seconds for one round of one system
    group: str = field(default='core')


SCALE = (1, 2, 4, 8, 16)

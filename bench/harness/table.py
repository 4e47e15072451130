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
    baseline: bool = False  # a floor to compare with, not somebody to be ahead of


@dataclass(frozen=True)
class AtMost:
    """Ours is at most `limit` times that of system `than`, or, without, at most `limit`."""
    limit: float
    than: str = None
    workers: int = 1
    than_workers: int = None  # None: as many if there are, else one

    def judge(self, bench, values):
        ours, base, words = _compared(self, bench, values)
        return ours is not None and (ours / base, ours / base <= self.limit,
                                     f'at most {words}')

    def mark(self, bench, values):
        """The figure that would just do; None when what it takes was not measured."""
        base = _compared(self, bench, values)[1]
        return base and base * self.limit


@dataclass(frozen=True)
class AtLeast:
    """The same for what should be large: a rate, a share, a count."""
    limit: float
    than: str = None
    workers: int = 1
    than_workers: int = None

    def judge(self, bench, values):
        ours, base, words = _compared(self, bench, values)
        return ours is not None and (ours / base, ours / base >= self.limit,
                                     f'at least {words}')

    def mark(self, bench, values):
        base = _compared(self, bench, values)[1]
        return base and base * self.limit


@dataclass(frozen=True)
class Over:
    """Ours is at most `limit` above that of system `than`, in the bench's unit."""
    limit: float
    than: str
    workers: int = 1

    def judge(self, bench, values):
        ours, base = values.get((OURS, self.workers)), values.get((self.than, 1))
        if ours is None or base is None:
            return None
        return (ours - base, ours - base <= self.limit,
                f'at most {self.limit:g} {bench.unit} over {self.than}')

    def mark(self, bench, values):
        base = values.get((self.than, 1))
        return base and base + self.limit


@dataclass(frozen=True)
class SpeedUp:
    """`workers` of ours are together at least `limit` times as fast as one."""
    limit: float
    workers: int = 2

    def judge(self, bench, values):
        one, many = values.get((OURS, 1)), values.get((OURS, self.workers))
        if one is None or many is None:
            return None
        ratio = one / many if bench.less else many / one
        return ratio, ratio >= self.limit, f'at least {self.limit:g}x one worker'

    def mark(self, bench, values):
        return None


def _compared(goal, bench, values):
    ours = values.get((OURS, goal.workers))
    if goal.than is None:
        return ours, 1, f'{goal.limit:g} {bench.unit}'
    counts = [goal.than_workers] if goal.than_workers else [goal.workers, 1]
    base = next((values[goal.than, n] for n in counts if (goal.than, n) in values), None)
    return (ours if base else None), base, f'{goal.limit:g}x {goal.than}'


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

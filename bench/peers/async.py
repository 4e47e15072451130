"""async.py - the core benches on Python's asyncio, or with its loop replaced by uvloop's.

    async.py [asyncio | uvloop] NAME...

Each NAME is one round, printed as a line of JSON.  With BENCH_TINY in the environment
everything is as small as a test wants it."""
import asyncio
import json
import os
import resource
import sys
import time

TINY = 'BENCH_TINY' in os.environ


def pick(usual, small):
    return small if TINY else usual


def per(began, n):
    return (time.perf_counter_ns() - began) / n


async def yields():
    """Sixteen tasks that let each other go first."""
    n = pick(2000, 5)

    async def one():
        for _ in range(n):
            await asyncio.sleep(0)
    began = time.perf_counter_ns()
    await asyncio.gather(*[one() for _ in range(16)])
    return per(began, 16 * n)


async def nothing():
    pass


async def spawn():
    """Batches of a hundred."""
    n = pick(300, 2)
    began = time.perf_counter_ns()
    for _ in range(n):
        await asyncio.gather(*[asyncio.create_task(nothing()) for _ in range(100)])
    return per(began, n * 100)


async def channel():
    """There and back: two puts, two gets."""
    n = pick(10000, 5)
    there, back = asyncio.Queue(1), asyncio.Queue(1)

    async def pong():
        while True:
            await back.put(await there.get())
    task = asyncio.create_task(pong())
    began = time.perf_counter_ns()
    for i in range(n):
        await there.put(i)
        if await back.get() != i:
            sys.exit('the queue lost something')
    took = per(began, n)
    task.cancel()
    return took


async def timer():
    """Armed and cancelled among 100,000 that stay armed."""
    loop, n, seed = asyncio.get_running_loop(), pick(50000, 5), 1

    def some():
        nonlocal seed
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        return 0.001 + (seed >> 20) % 10**7 * 1e-6
    armed = [loop.call_later(60 + some(), print) for _ in range(pick(100000, 10))]
    began = time.perf_counter_ns()
    for _ in range(n):
        loop.call_later(some(), print).cancel()
    took = per(began, n)
    for one in armed:
        one.cancel()
    return took


def resident():
    """Resident memory and page tables."""
    with open('/proc/self/status') as f:
        return sum(int(line.split()[1]) * 1024 for line in f
                   if line.startswith(('VmRSS:', 'VmPTE:')))


async def parked_bytes():
    """A hundred thousand, since a million take half a minute, each with a future of its
    own to wait for."""
    n, loop = pick(100000, 10), asyncio.get_running_loop()
    before = resident()

    async def park():
        await loop.create_future()
    tasks = [asyncio.create_task(park()) for _ in range(n)]
    await asyncio.sleep(0)
    figure = (resident() - before) / n
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return figure


async def idle_cpu():
    await spawn()
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.sleep(pick(1, 0.001))
    after = resource.getrusage(resource.RUSAGE_SELF)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) \
        / (time.perf_counter() - began)


async def blocking_p99():
    """A thousand tasks that wake each 20 ms beside one that blocks and one that computes:
    see ../blocking_bench.c."""
    late, end, period = [], time.monotonic() + pick(2.5, 0.05), 0.02

    async def until(t):
        await asyncio.sleep(max(0, t - time.monotonic()))

    async def periodic(i):
        t = time.monotonic() + i * period / 1000 + period
        while t < end:
            await until(t)
            now = time.monotonic()
            late.append((now - t) * 1000)
            while t <= now:
                t += period

    async def each_second(first, work):
        t = time.monotonic() + first
        while t < end:
            await until(t)
            work()
            t += 1

    def compute():
        stop = time.monotonic() + 0.5
        while time.monotonic() < stop:
            pass
    await asyncio.gather(*[periodic(i) for i in range(pick(1000, 10))],
                         each_second(0.3, lambda: time.sleep(0.2)),
                         each_second(0.6, compute))
    late.sort()
    return late[len(late) * 99 // 100]

BENCHES = {'yield': yields, 'spawn': spawn, 'channel': channel, 'timer': timer,
           'parked-bytes': parked_bytes, 'idle-cpu': idle_cpu, 'blocking-p99': blocking_p99}


def main(loop, names):
    if loop == 'uvloop':
        import uvloop
        uvloop.install()
    for name in names:
        if name not in BENCHES:
            sys.exit(f'no bench "{name}" here')
        print(json.dumps({'bench': name, 'median': asyncio.run(BENCHES[name]())}))


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2:])

"""servers.py - the benches of servers: io_load starts each, drives it over loopback and
counts what its process alone costs.  Tests: tests/bench_test.py."""
from harness.programs import Program, debian
from harness.table import AtMost, Bench, Command

LOAD = '{build}/bench/io_load'
AT = 'tcp:127.0.0.1:PORT'


def server(words, package=None, probe=(), make=''):
    """A server by that command line; `make` is a line of shell that builds it."""
    ninja = 'ninja -C {build} bench/io_load'
    return Program((LOAD, *words, '--'), ('sh', '-c', make or ninja) if not make else
                   ('sh', '-c', f'mkdir -p {{build}}/bench/peers && {ninja} && {make}'),
                   package=package, probe=probe)


def ours(example, *words):
    return server(('{build}/examples/' + example, '--executor', 'loop://', *words),
                  make='ninja -C {build} examples/' + example)


PYTHON = (debian('python3'), '{tree}/bench/peers/serve.py')
SERVERS = {
    'echo': ours('echo', AT),
    'httpd': ours('httpd', '{tree}/bench/site', AT),
    'uv-echo': server(('{build}/bench/peers/uv_echo', 'PORT'), 'libuv1-dev',
                      make='cc -O2 -o {build}/bench/peers/uv_echo '
                      '{tree}/bench/peers/uv_echo.c -luv'),
    'go-serve': server(('{build}/bench/peers/serve',), 'golang-go',
                       make=debian('go') + ' build -o {build}/bench/peers/serve '
                       '{tree}/bench/peers/serve.go'),
    'asyncio-echo': server((*PYTHON, 'asyncio', 'PORT'), 'python3'),
    'uvloop-echo': server((*PYTHON, 'uvloop', 'PORT'), 'python3-uvloop',
                          (debian('python3'), '-c', 'import uvloop')),
    'nginx': server(('{tree}/bench/peers/nginx.sh', 'PORT'), 'nginx-light',
                    ('sh', '-c', 'command -v nginx || test -x /usr/sbin/nginx')),
}
for kind in ('echo', 'http'):
    go = SERVERS['go-serve']
    SERVERS['go-' + kind] = Program((*go.run[:-1], kind, 'PORT', '--'), go.make,
                                    package=go.package)
del SERVERS['go-serve']


def driven(name, connections, seconds, **systems):
    return {system.replace('_', '-'): Command(program, (name, system, str(connections),
                                                        str(seconds)))
            for system, program in systems.items()}


def echo(connections, limit):
    name = f'echo-{connections}'
    return Bench(name, 'us', f'CPU of an echo over TCP, {connections} connections',
                 driven(name, connections, 1, tutti='echo', libuv='uv-echo', go='go-echo',
                        asyncio='asyncio-echo', uvloop='uvloop-echo'),
                 goals=(AtMost(limit, 'libuv'),), group='io')


def http(name, limit, words):
    return Bench(name, 'us', f'CPU of an answer of 13 bytes to HTTP, 64 connections{words}',
                 driven(name, 64, 1, tutti='httpd', nginx='nginx', go='go-http'),
                 goals=(AtMost(limit, 'nginx'),), group='io')


BENCHES = [
    echo(64, 0.95),
    echo(1000, 0.97),
    http('http-64', 0.85, ''),
    http('http-pipelined', 0.1, ', 16 at once'),
    Bench('idle-connections', 'KB', 'memory of the process for a connection that waits, '
          '10,000 at once',
          driven('idle-connections', 10000, 1, tutti='echo', libuv='uv-echo', go='go-echo',
                 asyncio='asyncio-echo', uvloop='uvloop-echo'),
          goals=(AtMost(5),), ahead=False, group='io'),
]

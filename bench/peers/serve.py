"""serve.py asyncio|uvloop PORT - an echo server as a protocol, the fastest form of both."""
import asyncio
import sys


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, '127.0.0.1', int(sys.argv[2]), backlog=4096)
    await server.serve_forever()


if sys.argv[1] == 'uvloop':
    import uvloop
    uvloop.install()
asyncio.run(main())

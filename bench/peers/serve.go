// serve.go echo|http PORT - Go's servers on one processor: a goroutine a connection, and
// net/http with a handler that answers at once.
package main

import (
	"net"
	"net/http"
	"os"
	"runtime"
)

func echo(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 2048)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if _, err = c.Write(buf[:n]); err != nil {
			return
		}
	}
}

func hello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", "13")
	w.Write([]byte("Hello, World!"))
}

func main() {
	runtime.GOMAXPROCS(1)
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[2])
	if err != nil {
		panic(err)
	}
	if os.Args[1] == "http" {
		panic(http.Serve(listener, http.HandlerFunc(hello)))
	}
	for {
		c, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go echo(c)
	}
}

// peer.go - how the Go programs are measured: a round repeats the work until it has taken
// a tenth of a second, after a first run that makes threads and room.  With BENCH_TINY in
// the environment everything is as small as a test wants it.
//
//	go run peer.go fork.go core.go -w WORKERS NAME...
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

// One round: the figure, and the result if it has one.
type bench struct {
	unit  string
	round func() (float64, string)
}

var workers int
var tiny = os.Getenv("BENCH_TINY") != ""

func pick(usual, small int) int {
	if tiny {
		return small
	}
	return usual
}

func repeated(unit string, run func() int, units func(result int) float64) bench {
	return bench{unit, func() (float64, string) {
		skynet(0, 1000)
		result, times, began := 0, 0, time.Now()
		least := time.Duration(pick(100, 1)) * time.Millisecond
		for times == 0 || time.Since(began) < least {
			result = run()
			times++
		}
		took := time.Since(began)
		return float64(took.Nanoseconds()) / units(result) / float64(times),
			fmt.Sprint(result)
	}}
}

func say(name string, b bench) {
	figure, check := b.round()
	if check != "" {
		check = fmt.Sprintf(",\"check\":%q", check)
	}
	fmt.Printf("{\"bench\":%q,\"system\":\"go\",\"workers\":%d,\"unit\":%q,\"median\":%.6g%s}\n",
		name, workers, b.unit, figure, check)
}

func main() {
	flag.IntVar(&workers, "w", 1, "threads that run goroutines")
	flag.Parse()
	runtime.GOMAXPROCS(workers)
	benches := forkBenches()
	for name, b := range coreBenches() {
		benches[name] = b
	}
	for _, name := range flag.Args() {
		b, known := benches[name]
		if !known {
			fmt.Fprintf(os.Stderr, "no bench %q here\n", name)
			os.Exit(2)
		}
		say(name, b)
	}
}

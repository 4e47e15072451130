// core.go - what the parts of a runtime cost in Go: see ../core_bench.c for the twins.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

func coreBenches() map[string]bench {
	return map[string]bench{
		"yield":        {"ns", yield},
		"spawn":        {"ns", spawn},
		"channel":      {"ns", channel},
		"channel-2":    {"ns", channel2},
		"timer":        {"ns", timer},
		"parked-bytes": {"bytes", parkedBytes},
		"idle-cpu":     {"CPU s/s", idleCPU},
		"blocking-p99": {"ms", blockingP99},
	}
}

func per(began time.Time, n int) float64 {
	return float64(time.Since(began).Nanoseconds()) / float64(n)
}

// Sixteen goroutines that let each other go first.
func yield() (float64, string) {
	const yielders = 16
	n := pick(20000, 100)
	var wg sync.WaitGroup
	wg.Add(yielders)
	began := time.Now()
	for i := 0; i < yielders; i++ {
		go func() {
			for i := 0; i < n; i++ {
				runtime.Gosched()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	return per(began, yielders*n), ""
}

// Batches of a hundred, each waited for.
func spawn() (float64, string) {
	n := pick(2000, 10)
	began := time.Now()
	for i := 0; i < n; i++ {
		var wg sync.WaitGroup
		wg.Add(100)
		for k := 0; k < 100; k++ {
			go wg.Done()
		}
		wg.Wait()
	}
	return per(began, n*100), ""
}

// There and back: two sends, two receives.
func channel() (float64, string) {
	return pingPong(pick(100000, 100), func() {})
}

// Between two threads: goroutines that keep a thread each, since the scheduler would put
// them on one.
func channel2() (float64, string) {
	return pingPong(pick(5000, 100), runtime.LockOSThread)
}

func pingPong(n int, settle func()) (float64, string) {
	there, back := make(chan int, 1), make(chan int, 1)
	settle()
	go func() {
		settle()
		for x := range there {
			back <- x
		}
		close(back)
	}()
	sum := 0
	began := time.Now()
	for i := 0; i < n; i++ {
		there <- i
		sum += <-back
	}
	took := per(began, n)
	close(there)
	if sum != n*(n-1)/2 {
		fmt.Fprintln(os.Stderr, "the channel lost something")
		os.Exit(1)
	}
	return took, ""
}

// Armed and cancelled among 100,000 that stay armed, from 1 ms to 10 s.
func timer() (float64, string) {
	seed := uint64(1)
	some := func() time.Duration {
		seed = seed*6364136223846793005 + 1442695040888963407
		return time.Millisecond + time.Duration(seed>>20%uint64(10*time.Second))
	}
	armed := make([]*time.Timer, pick(100000, 1000))
	for i := range armed {
		armed[i] = time.AfterFunc(some()+time.Minute, func() {})
	}
	n := pick(200000, 100)
	began := time.Now()
	for i := 0; i < n; i++ {
		time.AfterFunc(some(), func() {}).Stop()
	}
	took := per(began, n)
	for _, t := range armed {
		t.Stop()
	}
	return took, ""
}

// Resident memory and page tables.
func resident() int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	sum := 0
	for _, line := range strings.Split(string(text), "\n") {
		var kb int
		if strings.HasPrefix(line, "VmRSS:") || strings.HasPrefix(line, "VmPTE:") {
			fmt.Sscan(line[6:], &kb)
			sum += kb * 1024
		}
	}
	return sum
}

func parkedBytes() (float64, string) {
	n := pick(1000000, 1000)
	before := resident()
	gate := make(chan struct{})
	var begun, done sync.WaitGroup
	begun.Add(n)
	done.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			begun.Done()
			<-gate
			done.Done()
		}()
	}
	begun.Wait()
	bytes := float64(resident()-before) / float64(n)
	close(gate)
	done.Wait()
	return bytes, ""
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// CPU time of a second asleep, after some work.
func idleCPU() (float64, string) {
	skynet(0, 1000)
	began, burnt := time.Now(), cpuTime()
	time.Sleep(time.Duration(pick(1000, 1)) * time.Millisecond)
	return float64(cpuTime()-burnt) / float64(time.Since(began)), ""
}

// A thousand goroutines that wake each 20 ms beside one that blocks in a call and one that
// computes: see ../blocking_bench.c.
func blockingP99() (float64, string) {
	const period = 20 * time.Millisecond
	n := pick(1000, 10)
	end := time.Now().Add(time.Duration(pick(2500, 50)) * time.Millisecond)
	lates := make([][]float64, n)
	var wg sync.WaitGroup
	wg.Add(n + 2)
	for i := 0; i < n; i++ {
		go func(i int) {
			t := time.Now().Add(time.Duration(i)*period/1000 + period)
			for t.Before(end) {
				time.Sleep(time.Until(t))
				now := time.Now()
				lates[i] = append(lates[i], float64(now.Sub(t))/1e6)
				for ; !t.After(now); t = t.Add(period) {
				}
			}
			wg.Done()
		}(i)
	}
	eachSecond := func(first time.Duration, work func()) {
		for t := time.Now().Add(first); t.Before(end); t = t.Add(time.Second) {
			time.Sleep(time.Until(t))
			work()
		}
		wg.Done()
	}
	go eachSecond(300*time.Millisecond, func() { // in the kernel, as a library would
		ts := syscall.NsecToTimespec(int64(200 * time.Millisecond))
		syscall.Nanosleep(&ts, nil)
	})
	go eachSecond(600*time.Millisecond, func() {
		for stop := time.Now().Add(500 * time.Millisecond); time.Now().Before(stop); {
		}
	})
	wg.Wait()
	var late []float64
	for _, some := range lates {
		late = append(late, some...)
	}
	sort.Float64s(late)
	return late[len(late)*99/100], ""
}

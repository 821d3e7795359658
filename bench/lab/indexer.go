package lab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view/elastic"
	"github.com/viewgate/viewgate/view/order"
)

// indexerVariable holds, in the process of an indexer, its settings.
const indexerVariable = "VIEWGATE_LAB_INDEXER"

// Indexer is an indexer in a process of its own, which keeps the order view in Elasticsearch.
type Indexer struct {
	Brokers []string
	Sources []event.Source
	Group   string

	Elasticsearch string // its URL
	Prefix        string // of its indices

	Workers, BatchEvents, CacheSize int // as in indexer.Options
	BufferBytes                     int64
	Linger                          time.Duration

	MetadataRefresh time.Duration // how often it looks for new partitions; zero: the client's default
	Session         time.Duration // after which a member that says nothing is given up; zero: the client's default
	Profile         string        // file to write a CPU profile to; empty: none
}

// Process is a running Indexer. It ends with the test, and with the test's process.
type Process struct {
	command *exec.Cmd
	stdin   io.Closer
	stderr  bytes.Buffer // of the process; to be read when it has ended
	counts  string       // URL
	done    chan struct{}
	err     error // of the process; set before done is closed
}

// Counts is what an indexer has done since its start.
type Counts struct {
	Events    int // folded and durable, or dead-lettered
	Written   int // documents
	Conflicts int
	Retries   int
	Letters   int // dead letters
}

// Start starts the indexer and returns when it has opened the view.
func (x Indexer) Start(tb testing.TB) *Process {
	tb.Helper()
	settings, err := json.Marshal(x)
	if err != nil {
		tb.Fatal(err)
	}
	p := &Process{command: exec.Command(os.Args[0]), done: make(chan struct{})}
	p.command.Env = append(os.Environ(), indexerVariable+"="+string(settings))
	p.command.Stderr = &p.stderr
	if p.stdin, err = p.command.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		tb.Fatal(err)
	}
	address, err := bufio.NewReader(stdout).ReadString('\n')
	p.counts = "http://" + strings.TrimSpace(address)
	go func() {
		defer close(p.done)
		p.err = p.command.Wait()
	}()
	tb.Cleanup(func() {
		p.Kill()
		if tb.Failed() {
			tb.Logf("the last that indexer %d said:\n%s", p.command.Process.Pid, last(p.stderr.Bytes(), 4000))
		}
	})
	if err != nil {
		<-p.done
		tb.Fatalf("the indexer ended at its start: %v\n%s", p.err, p.stderr.Bytes())
	}
	return p
}

func last(text []byte, n int) []byte { return text[max(0, len(text)-n):] }

// Kill ends the process with SIGKILL, if it runs, and returns when it has ended.
func (p *Process) Kill() {
	p.command.Process.Kill() // fails where it has ended
	<-p.done
}

// Stop lets the process finish what it has in flight and end. It returns the processor time that the process took.
func (p *Process) Stop(tb testing.TB) time.Duration {
	tb.Helper()
	p.stdin.Close()
	<-p.done
	if p.err != nil {
		tb.Fatalf("indexer: %v\n%s", p.err, last(p.stderr.Bytes(), 4000))
	}
	return p.command.ProcessState.UserTime() + p.command.ProcessState.SystemTime()
}

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// PID returns the process's id.
func (p *Process) PID() int { return p.command.Process.Pid }

// Counts asks the process.
func (p *Process) Counts() (c Counts, err error) {
	response, err := http.Get(p.counts)
	if err != nil {
		if p.Ended() {
			return c, fmt.Errorf("the indexer has ended: %v\n%s", p.err, last(p.stderr.Bytes(), 4000))
		}
		return c, err
	}
	defer response.Body.Close()
	return c, json.NewDecoder(response.Body).Decode(&c)
}

// PeakMemory returns the most memory that a process has had resident so far, in bytes; 0 where the system does not tell.
func PeakMemory(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kB int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kB); err == nil {
			return kB << 10
		}
	}
	return 0
}

// runIndexer is the process: it prints where it tells its counts, and runs until its standard input ends.
func runIndexer(settings string) error {
	var x Indexer
	if err := json.Unmarshal([]byte(settings), &x); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if x.Profile != "" {
		to, err := os.Create(x.Profile)
		if err != nil {
			return err
		}
		defer to.Close()
		if err := pprof.StartCPUProfile(to); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	debug.SetMemoryLimit(indexer.MemoryLimit)
	mapping, err := Mapping()
	if err != nil {
		return err
	}
	store, err := elastic.Open(ctx, mapping, elastic.Options{URLs: []string{x.Elasticsearch}, Prefix: x.Prefix})
	if err != nil {
		return err
	}
	defer store.Close()
	config := indexer.NewConfig()
	if x.MetadataRefresh > 0 {
		config.Metadata.RefreshFrequency = x.MetadataRefresh
	}
	if x.Session > 0 {
		config.Consumer.Group.Session.Timeout, config.Consumer.Group.Heartbeat.Interval = x.Session, x.Session/20
	}
	registry := prometheus.NewRegistry()
	views := []indexer.View{{Name: order.ViewName, Projection: projection.NewOrders(nil), Store: store.Pinned()}}
	running, err := indexer.New(x.Brokers, config, x.Sources, views, indexer.Options{
		Group: x.Group, Workers: x.Workers, BatchEvents: x.BatchEvents, CacheSize: x.CacheSize, BufferBytes: x.BufferBytes,
		Linger: x.Linger, Registerer: registry,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(count(registry))
	}))
	fmt.Println(listener.Addr())
	return running.Run(ctx)
}

// count adds up an indexer's metrics.
func count(registry *prometheus.Registry) (c Counts) {
	families, err := registry.Gather()
	if err != nil {
		return c
	}
	for _, f := range families {
		to := map[string]*int{
			"viewgate_events_total": &c.Events, "viewgate_documents_written_total": &c.Written,
			"viewgate_write_conflicts_total": &c.Conflicts, "viewgate_store_retries_total": &c.Retries,
			"viewgate_dead_letters_total": &c.Letters,
		}[f.GetName()]
		if to == nil {
			continue
		}
		for _, m := range f.GetMetric() {
			*to += int(m.GetCounter().GetValue())
		}
	}
	return c
}

package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// requests returns the requests of the lines in a text, each of which must be whole.
func requests(t *testing.T, text string) (all []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil || !strings.HasSuffix(line, "\n") {
			t.Fatalf("line %q: %v", line, err)
		}
		all = append(all, e.Request)
	}
	return all
}

func numbers(from, to int) (all []string) {
	for i := range to - from {
		all = append(all, fmt.Sprint(from+i))
	}
	return all
}

func record(l *Log, from, to int) {
	for _, n := range numbers(from, to) {
		l.Record(Entry{Request: n, Operation: "order"})
	}
}

func mustClose(t *testing.T, l *Log) {
	t.Helper()
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func contents(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := New(file, quiet)
	if err != nil {
		t.Fatal(err)
	}
	l.Record(Entry{
		Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Request: "a1", Subject: "s", Role: "CONSUMER", Transport: "http",
		Operation: "order", Outcome: "ok", Shown: []string{"Order:1"}, Others: 2,
	})
	mustClose(t, l)
	const want = `{"time":"2026-03-01T12:00:00Z","request":"a1","subject":"s","role":"CONSUMER","transport":"http","operation":"order",` +
		`"outcome":"ok","shown":["Order:1"],"others":2}` + "\n"
	if diff := cmp.Diff(want, contents(t, file)); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; others must not read it", info.Mode(), err)
	}
	if err := os.WriteFile(file, []byte(`{"request":"torn`), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err = New(file, quiet); err != nil {
		t.Fatal(err)
	}
	record(l, 0, 2)
	mustClose(t, l)
	_, whole, _ := strings.Cut(contents(t, file), "\n")
	if diff := cmp.Diff(numbers(0, 2), requests(t, whole)); diff != "" {
		t.Errorf("behind an unfinished line (-want +got):\n%s", diff)
	}
	if _, err := New(filepath.Join(t.TempDir(), "none", "audit.jsonl"), quiet); err == nil {
		t.Error("a file that cannot be made is no error")
	}
}

// A file that is renamed is followed by a new one, and nothing is lost between them.
func TestRotation(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := New(file, quiet)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	for i := range 5 {
		record(l, 100*i, 100*i+100)
		old := fmt.Sprint(file, ".", i)
		if err := os.Rename(file, old); err != nil {
			t.Fatal(err)
		}
		for { // until it goes on in another file
			l.Record(Entry{Request: "x"})
			if _, err := os.Stat(file); err == nil {
				break
			}
		}
		text += contents(t, old)
	}
	mustClose(t, l)
	text += contents(t, file)
	var all []string
	for _, r := range requests(t, text) {
		if r != "x" {
			all = append(all, r)
		}
	}
	if diff := cmp.Diff(numbers(0, 500), all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// faulty is a writer that fails while it is told to, after having written some of what it was given.
type faulty struct {
	mu   sync.Mutex
	text bytes.Buffer
	err  error
}

func (f *faulty) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		n, _ := f.text.Write(p[:len(p)/3])
		return n, f.err
	}
	return f.text.Write(p)
}

func (f *faulty) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// What cannot be written is kept, and said, until it can.
func TestFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &faulty{}
		l := NewTo(w, quiet)
		record(l, 0, 10)
		synctest.Wait()
		if err := l.Ready(); err != nil {
			t.Error(err)
		}
		full := errors.New("no space")
		w.fail(full)
		record(l, 10, 20)
		synctest.Wait()
		if err := l.Ready(); !errors.Is(err, full) {
			t.Errorf("ready: %v", err)
		}
		time.Sleep(3 * retryEvery)
		record(l, 20, 30)
		w.fail(nil)
		time.Sleep(2 * retryEvery)
		if err := l.Ready(); err != nil {
			t.Error(err)
		}
		w.fail(full)
		record(l, 30, 40)
		synctest.Wait()
		w.fail(nil)
		mustClose(t, l)
		if diff := cmp.Diff(numbers(0, 40), requests(t, w.text.String())); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A stop does not wait for ever, and says what is lost.
func TestCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &faulty{err: errors.New("no space")}
		l := NewTo(w, quiet)
		record(l, 0, 7)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := l.Close(ctx); err == nil || !strings.Contains(err.Error(), "7 entries") || !strings.Contains(err.Error(), "no space") {
			t.Errorf("close: %v", err)
		}
		synctest.Wait()
	})
}

// A reader that does not read stops the answers, not the process.
func TestSlowReader(t *testing.T) {
	r, w := io.Pipe()
	l := NewTo(w, quiet)
	long := strings.Repeat("x", 1<<16)
	for range mostPending>>16 + 2 {
		l.Record(Entry{Request: "a", Shown: []string{long}})
	}
	for range mostPending>>16 + 2 { // what the first write took is not pending
		l.Record(Entry{Request: "a", Shown: []string{long}})
	}
	if err := l.Ready(); err == nil {
		t.Error("it is ready though nobody reads")
	}
	go io.Copy(io.Discard, r)
	mustClose(t, l)
	if err := l.Ready(); err != nil {
		t.Error(err)
	}
	w.Close()
}

// A reader that never reads does not keep the process from stopping.
func TestCloseWithoutReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		l := NewTo(w, quiet)
		record(l, 0, 3)
		synctest.Wait() // it is writing
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "3 entries") {
			t.Errorf("close: %v", err)
		}
		// The writing ends with the process; here it is let go on, and to hear of an end that nobody waits for.
		go io.Copy(io.Discard, r)
		mustClose(t, l)
		w.Close()
	})
}

func TestConcurrent(t *testing.T) {
	var text bytes.Buffer
	l := NewTo(&text, quiet)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() { record(l, 1000*i, 1000*i+500) })
	}
	all.Wait()
	mustClose(t, l)
	if n := len(requests(t, text.String())); n != 4000 {
		t.Errorf("%d lines, want 4000", n)
	}
}

func BenchmarkRecord(b *testing.B) {
	l, err := New(filepath.Join(b.TempDir(), "audit.jsonl"), quiet)
	if err != nil {
		b.Fatal(err)
	}
	e := Entry{Request: "0123456789abcdef", Role: "CONSUMER", Operation: "orderHistory", Outcome: "ok", Shown: make([]string, 20)}
	for b.Loop() {
		l.Record(e)
	}
	if err := l.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// Package audit keeps the record of who asked for what: a line of JSON for each operation, none of which is lost while the
// process lives or when it stops.
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Entry is an operation that was asked for. It names no people and holds nothing that they asked by.
type Entry struct {
	Time      time.Time `json:"time"`              // when it ended
	Request   string    `json:"request"`           // the id that the answer told
	Subject   string    `json:"subject,omitempty"` // who asked, perhaps as a hash; "" where nobody is known
	Role      string    `json:"role,omitempty"`
	Transport string    `json:"transport"`
	Operation string    `json:"operation"`
	Outcome   string    `json:"outcome"`
	Shown     []string  `json:"shown,omitempty"`  // ids of what was shown
	Others    int       `json:"others,omitempty"` // how many more ids there were
	Messages  int       `json:"messages,omitempty"`
}

const (
	mostPending = 4 << 20 // bytes that may wait to be written
	retryEvery  = time.Second
)

// Log is a record that is being written. Its methods may be called from several goroutines.
type Log struct {
	open   func() (io.WriteCloser, error)
	moved  func(io.WriteCloser) bool // whether the file has another name by now, and the record is to go on in a new one
	logger *slog.Logger

	wake  chan struct{}        // holds a value when there may be something to write
	end   chan context.Context // gets Close's
	ended chan struct{}        // closed when the writing has ended

	mu      sync.Mutex
	pending []byte // guarded by mu: whole lines
	lines   int    // guarded by mu: how many have not been written
	taken   int    // guarded by mu: how many of them are being written
	failed  error  // guarded by mu: why nothing can be written now

	// These are the writing goroutine's.
	to   io.WriteCloser // nil: to be opened
	rest []byte         // of what is being written
}

// New returns a log that goes on with a file. The file is made where there is none; when it is renamed, as by a rotation of logs,
// the record goes on in a new one of its name. The error is that it cannot be written. Logger is told when that happens later.
func New(path string, logger *slog.Logger) (*Log, error) {
	open := func() (io.WriteCloser, error) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
		if err != nil {
			return nil, err
		}
		return f, endLine(f)
	}
	moved := func(to io.WriteCloser) bool {
		now, err := os.Stat(path)
		was, err2 := to.(*os.File).Stat()
		return errors.Is(err, os.ErrNotExist) || err == nil && err2 == nil && !os.SameFile(now, was)
	}
	to, err := open()
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	l := newLog(open, logger)
	l.to, l.moved = to, moved
	go l.write()
	return l, nil
}

// NewTo returns a log that is written to w, which stays open.
func NewTo(w io.Writer, logger *slog.Logger) *Log {
	l := newLog(func() (io.WriteCloser, error) { return unclosed{w}, nil }, logger)
	l.moved = func(io.WriteCloser) bool { return false }
	go l.write()
	return l
}

type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

func newLog(open func() (io.WriteCloser, error), logger *slog.Logger) *Log {
	return &Log{open: open, logger: logger, wake: make(chan struct{}, 1), end: make(chan context.Context), ended: make(chan struct{})}
}

// endLine ends the line that a process left unfinished which was killed.
func endLine(f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return nil // it is no regular file, or an empty one
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, size-1); err == nil && last[0] != '\n' {
		_, err = f.Write([]byte("\n"))
		return err
	}
	return nil
}

// Record adds an entry. It does not wait for it to be written.
func (l *Log) Record(e Entry) {
	line, err := json.Marshal(e)
	if err != nil { // times and texts only
		panic(fmt.Sprintf("audit: entry: %v", err))
	}
	l.mu.Lock()
	l.pending = append(append(l.pending, line...), '\n')
	l.lines++
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Ready reports why nothing may be answered now, since it could not be recorded.
func (l *Log) Ready() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.failed != nil:
		return fmt.Errorf("the audit log cannot be written: %w", l.failed)
	case len(l.pending) > mostPending:
		return errors.New("the audit log is written too slowly")
	}
	return nil
}

// Close writes all that was recorded. It gives up when ctx ends, with an error that tells how many entries are lost. Nothing may
// be recorded after it.
func (l *Log) Close(ctx context.Context) error {
	select { // whoever reads what is written may not do so, and keeps the writing from hearing of the end
	case l.end <- ctx:
		select {
		case <-l.ended:
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines > 0 {
		return fmt.Errorf("audit log: %d entries could not be written: %w", l.lines, errors.Join(l.failed, ctx.Err()))
	}
	return nil
}

// write writes what is recorded until Close, and then what is left.
func (l *Log) write() {
	defer close(l.ended)
	closing, closed := false, (<-chan struct{})(nil) // that Close was called, and when it gives up
	for {
		var retry <-chan time.Time
		switch written := l.writeAll(); {
		case written && closing:
			if l.to != nil {
				l.to.Close()
			}
			return
		case !written:
			retry = time.After(retryEvery)
		}
		select {
		case <-l.wake:
		case <-retry:
		case ctx := <-l.end:
			closing, closed = true, ctx.Done()
		case <-closed:
			return
		}
	}
}

// writeAll writes what there is, and reports whether it could.
func (l *Log) writeAll() bool {
	err := l.writeLines()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil && l.failed == nil:
		l.logger.Error("the audit log cannot be written: nothing is answered until it can", "err", err)
	case err == nil && l.failed != nil:
		l.logger.Info("the audit log is written again")
	}
	l.failed = err
	return err == nil
}

func (l *Log) writeLines() error {
	for {
		if len(l.rest) == 0 && !l.take() {
			return nil
		}
		if l.to == nil {
			var err error
			if l.to, err = l.open(); err != nil {
				return err
			}
		}
		n, err := l.to.Write(l.rest)
		l.rest = l.rest[n:]
		if err != nil {
			return err // the rest of the line goes behind what was written of it
		}
	}
}

// take takes what is to be written next, all of what was taken before being written. It reports whether there is any.
func (l *Log) take() bool {
	l.mu.Lock()
	l.lines -= l.taken
	l.taken = l.lines
	l.rest, l.pending = l.pending, nil
	l.mu.Unlock()
	if len(l.rest) > 0 && l.to != nil && l.moved(l.to) {
		l.to.Close()
		l.to = nil
	}
	return len(l.rest) > 0
}

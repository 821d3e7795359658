package main

import (
	"fmt"
	"io"
	"sync"
	"unicode/utf8"
)

// progressLine shows how far a long piece of work is, on one line that it writes again and again. What is written to it otherwise, as
// by a logger, goes on lines of its own.
type progressLine struct {
	w io.Writer

	mu    sync.Mutex
	width int // guarded by mu: of what the line shows, 0: nothing
}

func (l *progressLine) show(p fmt.Stringer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := p.String()
	fmt.Fprintf(l.w, "\r%-*s", l.width, text)
	l.width = utf8.RuneCountInString(text)
}

// Write implements io.Writer. An empty text only ends the line.
func (l *progressLine) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.width > 0 {
		fmt.Fprintln(l.w)
		l.width = 0
	}
	return l.w.Write(text)
}

// end ends the line.
func (l *progressLine) end() { l.Write(nil) }

// Package nodetest runs scripts of Node.js for tests: those of clients, and of federation.
package nodetest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Patience is longer than anything takes, on a machine that is busy with other tests.
const Patience = 4 * time.Minute

// Need skips the test where Node.js or the packages of the test's directory are missing; where they must be there, it fails.
// The target of make is what fetches them.
func Need(t testing.TB, target string) {
	t.Helper()
	_, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat("node_modules")
	}
	switch {
	case err == nil:
	case os.Getenv("VIEWGATE_TEST_NODE") == "required":
		t.Fatalf("%v: make %s", err, target)
	default:
		t.Skipf("%v: make %s", err, target)
	}
}

// Run runs a script to its end and returns what it prints. What it has to say beside that is logged, or is the error.
func Run(t testing.TB, script string, arguments ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	var remarks bytes.Buffer
	cmd := exec.CommandContext(ctx, "node", append([]string{script}, arguments...)...)
	cmd.Stderr = &remarks
	output, err := cmd.Output()
	if text := strings.TrimSpace(remarks.String()); text != "" {
		if err != nil {
			return "", errors.New(text)
		}
		t.Logf("%s %s remarks:\n%s", script, arguments[0], text)
	}
	return string(output), err
}

// Process is a script that runs until the test ends.
type Process struct {
	t      testing.TB
	script string
	lines  *bufio.Reader
	log    bytes.Buffer
}

// Start starts a script. It ends with the test, be it that the test is killed: then its standard input ends.
func Start(t testing.TB, script string, arguments ...string) *Process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	p := &Process{t: t, script: script}
	cmd := exec.CommandContext(ctx, "node", append([]string{script}, arguments...)...)
	cmd.Stderr = &p.log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewReader(stdout)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cancel()
		cmd.Wait() // killed, so it is an error
		if t.Failed() {
			t.Logf("%s:\n%s", script, p.log.String())
		}
	})
	return p
}

// Line returns the next line that the script prints, and fails the test where there is none.
func (p *Process) Line() string {
	p.t.Helper()
	line, err := p.lines.ReadString('\n')
	if err != nil {
		p.t.Fatalf("%s has ended: %v", p.script, err)
	}
	return strings.TrimSpace(line)
}

// URL returns the next line that the script prints which is one.
func (p *Process) URL() string {
	p.t.Helper()
	for {
		if line := p.Line(); strings.HasPrefix(line, "http://") {
			return line
		}
	}
}

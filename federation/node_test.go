package federation_test

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

// Nothing takes longer than this, on a machine that is busy with other tests.
const patience = 4 * time.Minute

// needNode skips the test where Node.js or the packages are missing; where they must be there, it fails.
func needNode(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat("node_modules")
	}
	switch {
	case err == nil:
	case os.Getenv("VIEWGATE_TEST_NODE") == "required":
		t.Fatalf("%v: make federation", err)
	default:
		t.Skipf("%v: make federation", err)
	}
}

// run runs a script to its end and returns what it prints. What it has to say beside that is logged.
func run(t *testing.T, script string, arguments ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
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

// start runs a script that serves until the test ends, and returns the URL that it prints.
func start(t *testing.T, script string, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	cmd := exec.CommandContext(ctx, "node", append([]string{script}, arguments...)...)
	var log bytes.Buffer
	cmd.Stderr = &log
	stdin, err := cmd.StdinPipe() // it ends when this does, be it that the test is killed
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cancel()
		cmd.Wait() // killed, so it is an error
		if t.Failed() {
			t.Logf("%s:\n%s", script, log.String())
		}
	})
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%s ended before it listened: %v\n%s", script, err, log.String())
		}
		if url := strings.TrimSpace(line); strings.HasPrefix(url, "http://") {
			return url
		}
	}
}

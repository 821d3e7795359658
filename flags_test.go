package main

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSecretLines: the command line beats the environment, a file is as good as a variable, and no text shows a secret.
func TestSecretLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(file, []byte("X-A: 1\r\norder/X-B: 2\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		env  map[string]string
		args []string
		want []string
	}{
		{"nothing", nil, nil, nil},
		{"variable", map[string]string{"OWNER_HEADERS": "X-A: 1\nX-B: 2"}, nil, []string{"X-A: 1", "X-B: 2"}},
		{"file", map[string]string{"OWNER_HEADERS_FILE": file}, nil, []string{"X-A: 1", "order/X-B: 2"}},
		{"flags", nil, []string{"--owner-header", "X-A: 1", "--owner-header=X-B: 2"}, []string{"X-A: 1", "X-B: 2"}},
		{"both", map[string]string{"OWNER_HEADERS": "X-A: 1"}, []string{"--owner-header", "X-C: 3"}, []string{"X-C: 3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			f := &flags{
				FlagSet: flag.NewFlagSet("serve", flag.ContinueOnError), getenv: func(name string) string { return test.env[name] },
			}
			f.SetOutput(io.Discard)
			f.secretLines(&got, "owner-header", "OWNER_HEADERS", "`HEADER`")
			if _, err := f.parse(test.args); err != nil || !slices.Equal(got, test.want) {
				t.Errorf("%q, %v; want %q", got, err, test.want)
			}
		})
	}
	env := map[string]string{"OWNER_HEADERS": "X-Key: hunter2"}
	for _, args := range [][]string{
		{"serve", "--help"}, {"serve", "--adr", "x"},
		{"serve", "--owner-header", "hunter2", "--data", t.TempDir(), "--addr", "127.0.0.1:0"},
	} {
		p := start(t, env, args...)
		<-p.exited
		if said := p.out.String() + p.err.String(); strings.Contains(said, "hunter2") || said == "" {
			t.Errorf("%q: %s", args, said)
		}
	}
}

// TestNoCommandPrintsSecrets: whichever command has a secret in its environment, its help and its refusals do not show it.
func TestNoCommandPrintsSecrets(t *testing.T) {
	variable := regexp.MustCompile(`environment: ([A-Z_]+), or [A-Z_]+_FILE`)
	found := 0
	for _, c := range commands {
		f := &flags{FlagSet: flag.NewFlagSet(c.name, flag.ContinueOnError), getenv: func(string) string { return "" }}
		c.flags(f)
		env := map[string]string{}
		for name := range f.secret {
			env[variable.FindStringSubmatch(f.Lookup(name).Usage)[1]] = "hunter2"
			found++
		}
		for _, args := range [][]string{{c.name, "--help"}, {c.name, "--no-such-flag"}, {c.name, "one", "too", "many"}} {
			p := start(t, env, args...)
			<-p.exited
			if said := p.out.String() + p.err.String(); strings.Contains(said, "hunter2") || said == "" {
				t.Errorf("%q: %s", args, said)
			}
		}
	}
	if found == 0 {
		t.Error("no command has a secret")
	}
}

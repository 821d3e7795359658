package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/viewgate/viewgate/event"
)

// TestLoadFails: what comes before a bad line is published, and the error alone says how much that was.
func TestLoadFails(t *testing.T) {
	topic := event.DefaultSources()[0].Topic
	file := filepath.Join(t.TempDir(), "bad.jsonl")
	text := strings.Repeat(`{"topic": "`+topic+`", "key": "1", "value": "v"}`+"\n", 3) + "{\"topics\": 1}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, said := finish(t, 1, map[string]string{"KAFKA_BROKERS": kafka(t)}, "load", file)
	if want := "\nviewgate load: " + file + ": after 3 events were published: line 4: not an event"; !strings.Contains(said, want) {
		t.Errorf("load said %q, want %q in it", said, want)
	}
	if n := strings.Count(said, "published"); n != 1 {
		t.Errorf("load said %d times how many it published: %q", n, said)
	}
}

// TestProgressBarEnds: a line is ended where there is one.
func TestProgressBarEnds(t *testing.T) {
	tests := []struct {
		name  string
		shown bool
		want  string // at the end
	}{
		{"shown", true, " left   \n"},
		{"not shown", false, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			bar := newProgressBar(&out, 10)
			bar.start = time.Now().Add(-time.Second)
			if test.shown {
				bar.show(5, 1)
			}
			bar.end()
			if got := out.String(); !strings.HasSuffix(got, test.want) || test.want == "" && got != "" {
				t.Errorf("wrote %q, want %q at its end", got, test.want)
			}
		})
	}
}

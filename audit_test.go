package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/graph"
	"github.com/viewgate/viewgate/view"
)

func TestAuditRecord(t *testing.T) {
	o := graph.Observation{
		RequestID: "r1", Transport: graph.OverHTTP, Operation: "order", Name: "Ada", Outcome: "ok", Status: http.StatusOK,
		Viewer: view.As(view.RoleConsumer, "7"), Subject: "ada@example.org", Shown: []string{"Order:1"}, ShownOthers: 1,
	}
	at := time.Date(2026, 3, 1, 13, 0, 0, 0, time.FixedZone("", 3600))
	recorded := func(s auditSettings) string {
		var out bytes.Buffer
		s.to, s.out = auditStdout, &out
		l, err := s.open(slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		s.record(l, o, at)
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	const want = `{"time":"2026-03-01T12:00:00Z","request":"r1","subject":"ada@example.org","role":"CONSUMER","transport":"http",` +
		`"operation":"order","outcome":"ok","shown":["Order:1"],"others":1}` + "\n"
	if diff := cmp.Diff(want, recorded(auditSettings{subject: auditPlain})); diff != "" {
		t.Errorf("plain (-want +got):\n%s", diff)
	}
	one, other := recorded(auditSettings{subject: auditHash, key: "k1"}), recorded(auditSettings{subject: auditHash, key: "k2"})
	if one == other || one != recorded(auditSettings{subject: auditHash, key: "k1"}) {
		t.Errorf("hashes depend on the key alone:\n%s%s", one, other)
	}
	for _, secret := range []string{"ada", "Ada", "k1"} {
		if strings.Contains(one, secret) {
			t.Errorf("%q is in %s", secret, one)
		}
	}
	if l, err := (auditSettings{}).open(slog.Default()); l != nil || err != nil {
		t.Errorf("without a place there is %v, %v", l, err)
	}
	if _, err := (auditSettings{to: t.TempDir()}).open(slog.Default()); err == nil {
		t.Error("a directory is no error")
	}
}

// Who is nobody has no line for what is refused, and one for what is shown.
func TestAuditOfNobody(t *testing.T) {
	for _, test := range []struct {
		name string
		o    graph.Observation
		want bool
	}{
		{"refused", graph.Observation{Operation: "invalid", Outcome: "UNAUTHENTICATED"}, false},
		{"nothing shown", graph.Observation{Kind: "query", Operation: "restaurants", Outcome: "ok"}, false},
		{"an order shown", graph.Observation{Kind: "query", Operation: "order", Outcome: "ok", Shown: []string{"Order:1"}}, true},
		{"somebody refused", graph.Observation{Subject: "7", Operation: "invalid", Outcome: "BAD_USER_INPUT"}, true},
		{"somebody shown nothing", graph.Observation{Subject: "7", Kind: "query", Operation: "order", Outcome: "ok"}, true},
		{"a look at the views", graph.Observation{Subject: "7", Operation: "views", Outcome: "ok"}, false},
		{"somebody who may not", graph.Observation{Subject: "7", Operation: "views", Outcome: "FORBIDDEN"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			s := auditSettings{to: auditStdout, subject: auditPlain, out: &out}
			l, err := s.open(slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			s.record(l, test.o, time.Now())
			if err := l.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := out.Len() > 0; got != test.want {
				t.Errorf("recorded: %t, want %t: %s", got, test.want, &out)
			}
		})
	}
}

// lockedWriter fails until it is opened.
type lockedWriter struct {
	bytes.Buffer
	opened chan struct{}
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	select {
	case <-l.opened:
		return l.Buffer.Write(p)
	default:
		return 0, errors.New("no space")
	}
}

// While nothing can be written, what was refused takes no memory, and what ran is kept.
func TestAuditKeepsWhatRan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &lockedWriter{opened: make(chan struct{})}
		s := auditSettings{to: auditStdout, subject: auditPlain, out: out}
		l, err := s.open(slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		s.record(l, graph.Observation{RequestID: "refused before", Subject: "7", Operation: "invalid"}, time.Now())
		synctest.Wait() // it cannot be written
		for range 1000 {
			s.record(l, graph.Observation{RequestID: "refused", Subject: "7", Operation: "invalid"}, time.Now())
		}
		s.record(l, graph.Observation{RequestID: "ran", Subject: "7", Kind: "query", Operation: "order"}, time.Now())
		close(out.opened)
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got []string
		for lines := json.NewDecoder(out); ; {
			var line struct{ Request string }
			if err := lines.Decode(&line); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			got = append(got, line.Request)
		}
		if diff := cmp.Diff([]string{"refused before", "ran"}, got); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

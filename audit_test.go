package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
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

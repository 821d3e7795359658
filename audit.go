package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/viewgate/viewgate/audit"
	"github.com/viewgate/viewgate/graph"
)

// How an audit log says who asked.
const (
	auditHash  = "hash"
	auditPlain = "plain"
)

// auditStdout is where a record goes that a container's runtime collects.
const auditStdout = "stdout"

// auditTimeout is how long a stop waits for what was recorded to be written.
const auditTimeout = 5 * time.Second

// auditSettings are what is recorded, and where.
type auditSettings struct {
	to      string // a file, or stdout; "": nothing is recorded
	subject string // hash or plain
	key     string // of hashes
	out     io.Writer
}

// check reports what is not possible, as a usageError.
func (s auditSettings) check() error {
	switch s.subject {
	case "", auditHash:
		return nil
	case auditPlain:
		if s.to == "" {
			return usageError{errors.New("--audit-subject says how a record names people: set --audit-log, or nothing is recorded")}
		}
		return nil
	}
	return usageError{fmt.Errorf("--audit-subject %q is not one of %s, %s", s.subject, auditHash, auditPlain)}
}

// open returns the log, nil where nothing is to be recorded.
func (s auditSettings) open(logger *slog.Logger) (*audit.Log, error) {
	switch s.to {
	case "":
		return nil, nil
	case auditStdout:
		return audit.NewTo(s.out, logger), nil
	}
	l, err := audit.New(s.to, logger)
	if err != nil {
		return nil, fmt.Errorf("--audit-log: %w", err)
	}
	return l, nil
}

// record records an operation that has ended. Whoever is nobody and was shown nothing is left out: anybody could fill the disk by
// being refused, and then nobody would be answered. So is what never ran while nothing can be written: as many as are refused until
// there is room again would fill the memory. And so is a look at /views, which shows nobody's data to whoever looks all the time.
func (s auditSettings) record(l *audit.Log, o graph.Observation, at time.Time) {
	nothing := len(o.Shown) == 0 && (o.Subject == "" || o.Operation == overviewOperation && o.Outcome == "ok")
	if l == nil || nothing || o.Kind == "" && l.Ready() != nil {
		return
	}
	subject := o.Subject
	if subject != "" && s.subject == auditHash {
		h := hmac.New(sha256.New, []byte("audit "+s.key))
		h.Write([]byte(subject))
		subject = hex.EncodeToString(h.Sum(nil)[:16])
	}
	l.Record(audit.Entry{
		Time: at.UTC(), Request: o.RequestID, Subject: subject, Role: string(o.Viewer.Role()), Transport: string(o.Transport),
		Operation: o.Operation, Outcome: o.Outcome, Shown: o.Shown, Others: o.ShownOthers, Messages: o.Messages,
	})
}

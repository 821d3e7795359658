package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph"
	"github.com/viewgate/viewgate/view"
)

func TestAccessLog(t *testing.T) {
	quick := graph.Observation{
		RequestID: "r1", Transport: graph.OverHTTP, Kind: "query", Operation: "order", Name: "mine", Status: 200, Outcome: "ok",
		Viewer: view.As(view.RoleConsumer, "ada"), Took: 3 * time.Millisecond, CostEstimated: 42, CostActual: 7,
		Sources: map[compose.Source]int{compose.FromView: 2, compose.FromOwners: 1}, Shown: []string{"Order:secret"},
	}
	change := func(f func(*graph.Observation)) graph.Observation { o := quick; f(&o); return o }
	slow := change(func(o *graph.Observation) { o.Took = time.Second })
	const line = " request=r1 transport=http operation=order outcome="
	for _, test := range []struct {
		name string
		mode string
		o    graph.Observation
		want string // "": no line
	}{
		{"all", accessAll, quick, "level=INFO msg=operation" + line + "ok took=3ms kind=query name=mine role=CONSUMER status=200 " +
			"cost=42 costActual=7 sources=OWNERS:1,VIEW:2"},
		{"slow only", accessSlow, quick, ""},
		{"slow", accessSlow, slow, `level=WARN msg="slow operation"` + line + "ok took=1s kind=query name=mine role=CONSUMER " +
			"status=200 cost=42 costActual=7 sources=OWNERS:1,VIEW:2"},
		{"slow among all", accessAll, slow, `level=WARN msg="slow operation"` + line + "ok took=1s kind=query name=mine " +
			"role=CONSUMER status=200 cost=42 costActual=7 sources=OWNERS:1,VIEW:2"},
		{"off", accessOff, slow, ""},
		{"failed", accessSlow, graph.Observation{RequestID: "r1", Transport: graph.OverHTTP, Operation: "order", Outcome: "TIMEOUT",
			Errors: map[string]int{"TIMEOUT": 2, "BAD_USER_INPUT": 1}},
			`level=WARN msg="operation failed"` + line + "TIMEOUT took=0s errors=BAD_USER_INPUT:1,TIMEOUT:2"},
		{"the client's fault", accessSlow, change(func(o *graph.Observation) { o.Outcome = "BAD_USER_INPUT" }), ""},
		{"a long subscription", accessSlow, change(func(o *graph.Observation) { o.Kind, o.Took = "subscription", time.Hour }), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
				ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
					if a.Key == slog.TimeKey {
						return slog.Attr{}
					}
					return a
				},
			}))
			log, err := newAccessLog(logger, test.mode, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			log.write(t.Context(), test.o)
			if got := strings.TrimSuffix(out.String(), "\n"); got != test.want {
				t.Errorf("line\n%s\nwant\n%s", got, test.want)
			}
		})
	}
	if _, err := newAccessLog(nil, "some", 0); !errors.As(err, new(usageError)) || !strings.Contains(err.Error(), "--access-log") {
		t.Errorf("a mode that there is not: %v", err)
	}
}

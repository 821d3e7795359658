package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/example/broker"
	"github.com/viewgate/viewgate/indexer"
)

// assembled runs a process over a broker of its own, which has no events, with these settings.
type assembled struct {
	*testing.T
	*app
	broker *broker.Broker
	url    string
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // of the run, once ended is closed
}

func assembleEmpty(t *testing.T, change func(*settings), changeApp func(*app)) *assembled {
	t.Helper()
	var topics []string
	for _, source := range event.DefaultSources() {
		topics = append(topics, source.Topic)
	}
	b, err := broker.Start(broker.Options{Addr: "127.0.0.1:0", Dir: filepath.Join(t.TempDir(), "broker"), Topics: topics})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	s := settings{
		listening: listening{addr: "127.0.0.1:0"}, data: t.TempDir(), temporary: true, role: roleAll, group: "viewgate",
		accessLog: accessOff, auth: authSettings{mode: authNone},
		kafka: indexer.Connection{Brokers: []string{b.Addr()}},
	}
	change(&s)
	ctx, cancel := context.WithCancel(context.Background())
	a, err := assemble(ctx, s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	changeApp(a)
	p := &assembled{T: t, app: a, broker: b, cancel: cancel, ended: make(chan struct{})}
	started := make(chan string, 1)
	go func() {
		defer close(p.ended)
		p.err = a.run(ctx, func(addr string) { started <- addr })
	}()
	t.Cleanup(func() {
		cancel()
		<-p.ended
		a.close()
	})
	p.url = "http://" + <-started
	return p
}

// readyz returns what /readyz answers.
func (p *assembled) readyz() (status int, is readiness) {
	p.Helper()
	response, err := http.Get(p.url + "/readyz")
	if err != nil {
		p.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&is); err != nil {
		p.Fatal(err)
	}
	return response.StatusCode, is
}

// waitReady waits until /readyz answers so, and what is wanted.
func (p *assembled) waitReady(status int, want func(readiness) bool) {
	p.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		got, is := p.readyz()
		if got == status && want(is) {
			return
		}
		if time.Now().After(deadline) {
			p.Fatalf("/readyz answers %d, %+v", got, is)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestStopping: a process that is to stop says so first and goes on with its work; then it sends those who listen away.
func TestStopping(t *testing.T) {
	drained := make(chan struct{})
	p := assembleEmpty(t, func(*settings) {}, func(a *app) {
		a.drain = func(ctx context.Context) {
			select {
			case <-drained:
			case <-ctx.Done():
			}
		}
	})
	p.waitReady(http.StatusOK, func(is readiness) bool { return is.Ready && len(is.Warnings) == 0 })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, p.url+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()

	p.cancel()
	p.waitReady(http.StatusServiceUnavailable, func(is readiness) bool {
		return !is.Ready && strings.Contains(is.Checks["process"], "stops")
	})
	response, err := http.Post(p.url+"/graphql", "application/json", strings.NewReader(`{"query":"{ orderHistory { total { count } } }"}`))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || response.StatusCode != http.StatusOK || strings.Contains(string(body), "errors") {
		t.Errorf("while it drains a query is answered with %d %s, %v", response.StatusCode, body, err)
	}
	for _, m := range []string{`{"type":"connection_init"}`, `{"type":"ping"}`} {
		if err := conn.Write(ctx, websocket.MessageText, []byte(m)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := conn.Read(ctx); err != nil {
			t.Errorf("while it drains %s is answered with %s, %v", m, got, err)
		}
	}

	close(drained)
	for err == nil {
		_, _, err = conn.Read(ctx)
	}
	if code := websocket.CloseStatus(err); code != websocket.StatusGoingAway {
		t.Errorf("the WebSocket is closed with %d: %v", code, err)
	}
	if <-p.ended; p.err != nil {
		t.Error(p.err)
	}
	if response, err := http.Get(p.url + "/healthz"); err == nil {
		response.Body.Close()
		t.Errorf("it answers %s when it has stopped", response.Status)
	}
}

// TestReadiness: what is wrong is told, and decides; what is to be seen to is told alone.
func TestReadiness(t *testing.T) {
	p := assembleEmpty(t, func(s *settings) { s.readyLag = time.Hour }, func(*app) {})
	p.waitReady(http.StatusOK, func(is readiness) bool { return is.Checks["orders lag"] == "ok" && is.Checks["orders"] == "ok" })
	for _, v := range p.views {
		v.maxLag = time.Nanosecond // which no view can keep
	}
	p.waitReady(http.StatusServiceUnavailable, func(is readiness) bool {
		const more = "more than --ready-lag 1ns"
		return strings.Contains(is.Checks["orders lag"], more) && strings.Contains(is.Checks["restaurants indexer"], more)
	})
	for _, v := range p.views {
		v.maxLag = 0
	}
	other := "viewgate-orders-0000-1"
	p.views[0].superseded.Store(&other)
	p.waitReady(http.StatusOK, func(is readiness) bool {
		return strings.Contains(fmt.Sprint(is.Warnings), other) && !strings.Contains(fmt.Sprint(is.Checks), "lag")
	})
	p.broker.Close()
	p.waitReady(http.StatusServiceUnavailable, func(is readiness) bool {
		return strings.Contains(is.Checks["orders indexer"], "Kafka is not reached") && is.Warnings["orders kafka"] != ""
	})
	response, err := http.Get(p.url + "/healthz")
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("/healthz: %v", err)
	}
	response.Body.Close()
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
)

// get asks the process with a token, unless it is "".
func (p *assembled) get(path, token string) (status int, header http.Header, text string) {
	p.Helper()
	request, err := http.NewRequest(http.MethodGet, p.url+path, nil)
	if err != nil {
		p.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}

// TestOverviewIsForSupport: nobody else is told how the views are.
func TestOverviewIsForSupport(t *testing.T) {
	issuer, err := auth.NewIssuer("demo")
	if err != nil {
		t.Fatal(err)
	}
	p := assembleEmpty(t, func(s *settings) { s.auth = authSettings{mode: authDemo, demo: issuer} }, func(*app) {})
	for _, test := range []struct {
		name   string
		role   auth.Role
		status int
		says   string
	}{
		{"nobody", "", 401, "UNAUTHENTICATED"},
		{"a consumer", auth.Consumer, 403, "FORBIDDEN"},
		{"a restaurant", auth.Restaurant, 403, "FORBIDDEN"},
		{"support", auth.Support, 200, `"views":[`},
	} {
		t.Run(test.name, func(t *testing.T) {
			token := ""
			if test.role != "" {
				if token, err = issuer.Issue(test.role, "7", time.Now().Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			if status, _, text := p.get("/views", token); status != test.status || !strings.Contains(text, test.says) {
				t.Errorf("status %d, %s", status, text)
			}
		})
	}
}

// TestOverview: how the views are, with a record that could not be indexed.
func TestOverview(t *testing.T) {
	p := assembleEmpty(t, func(s *settings) { s.readyLag = time.Hour }, func(*app) {})
	topic := p.views[0].sources[0].Topic
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer([]string{p.broker.Addr()}, config)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("no event")}); err != nil {
		t.Fatal(err)
	}
	(&process{T: t}).eventually(func() error { // before anybody asks: a count is good for a while
		if _, _, text := p.get("/metrics", ""); !strings.Contains(text, `viewgate_dead_letters_total{`) {
			return fmt.Errorf("no dead letter is counted:\n%s", text)
		}
		return nil
	})
	var now overview
	(&process{T: t}).eventually(func() error {
		status, header, text := p.get("/views", "")
		if status != http.StatusOK || header.Get("Cache-Control") != "no-store" || header.Get("Content-Type") != "application/json" {
			t.Fatalf("status %d, %v", status, header)
		}
		now = overview{}
		if err := json.Unmarshal([]byte(text), &now); err != nil {
			t.Fatal(err)
		}
		for _, v := range now.Views {
			known := v.LagMs != nil && v.Waiting != nil && *v.Waiting == 0 && v.Filling != nil && !*v.Filling && v.DeadLetters != nil
			if !known || v.Ready != "ok" || len(v.Warnings) > 0 { // as it may be while its consumer group is joined
				return fmt.Errorf("something is not known, or not ready: %s", text)
			}
		}
		return nil
	})
	zero, limit := int64(0), time.Hour.Milliseconds()
	want := []viewOverview{
		{Name: "orders", DeadLetters: &lettersOverview{Count: 1, Reasons: map[string]int{"format": 1}}},
		{Name: "restaurants", DeadLetters: &lettersOverview{Reasons: map[string]int{}}},
	}
	for i := range want {
		want[i].Topics, want[i].Store, want[i].Documents = topicsOf(p.views[i].sources), "embedded", new(0)
		want[i].Indexer, want[i].Waiting, want[i].LagLimitMs, want[i].SearchDelayMs = "here", &zero, &limit, &zero
		want[i].Ready, want[i].Warnings, want[i].Filling = "ok", []string{}, new(false)
	}
	varying := cmpopts.IgnoreFields(viewOverview{}, "Index", "Built", "LagMs")
	if diff := cmp.Diff(want, now.Views, varying, cmpopts.IgnoreFields(lettersOverview{}, "Newest", "At")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, v := range now.Views {
		recent := func(at *time.Time) bool { return at != nil && time.Since(*at) < time.Hour }
		if v.Index == nil || !strings.HasPrefix(*v.Index, v.Name) || !recent(v.Built) ||
			recent(v.DeadLetters.Newest) != (v.DeadLetters.Count > 0) || !recent(&v.DeadLetters.At) {
			t.Errorf("%s: index %v, built %v, dead letters %+v", v.Name, v.Index, v.Built, v.DeadLetters)
		}
	}
}

// TestOverviewOfTheUnknown: what a process cannot know is null, and what cannot be had now is told as a warning.
func TestOverviewOfTheUnknown(t *testing.T) {
	mapping, err := orders.readMapping()
	if err != nil {
		t.Fatal(err)
	}
	store, err := embedded.OpenMemory(mapping)
	if err != nil {
		t.Fatal(err)
	}
	v := &served{definition: orders, mapping: mapping, logger: slog.New(slog.DiscardHandler), store: store, feeds: feeds{hub: feed.NewHub()}}
	want := viewOverview{
		Name: "orders", Store: "embedded", Documents: new(0), Indexer: "elsewhere", SearchDelayMs: new(int64(0)), Ready: "ok",
		Warnings: []string{},
	}
	if diff := cmp.Diff(want, v.overview(t.Context(), nil), cmpopts.IgnoreFields(viewOverview{}, "Index", "Built")); diff != "" {
		t.Errorf("without Kafka (-want +got):\n%s", diff)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	got := v.overview(t.Context(), nil)
	want.Documents, want.Ready, want.Warnings = nil, got.Ready, got.Warnings
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("of a store that is closed (-want +got):\n%s", diff)
	}
	if len(got.Warnings) != 1 || !strings.HasPrefix(got.Warnings[0], "orders index: ") || !strings.Contains(got.Ready, view.ErrUnavailable.Error()) {
		t.Errorf("it is said to be %q, with %q", got.Ready, got.Warnings)
	}
}

// TestDeadLettersAreNotWaitedFor: where Kafka does not answer, they are not known, and at once.
func TestDeadLettersAreNotWaitedFor(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := sarama.NewConfig()
	config.Net.ReadTimeout, config.Metadata.Retry.Max = time.Hour, 0
	l := &letters{counter: deadletter.NewCounter([]string{silent.Addr().String()}, config, []string{"orders"}, 1)}
	for range 2 {
		if is, err := l.get(t.Context()); is != nil || err != nil {
			t.Errorf("before they are counted: %+v, %v", is, err)
		}
	}
	connection, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	connection.Close()
	silent.Close()
	(&process{T: t}).eventually(func() error {
		if _, err := l.get(t.Context()); err == nil {
			return errors.New("it is not said why they are not known")
		}
		return nil
	})
	if err := l.close(); err != nil {
		t.Error(err)
	}
}

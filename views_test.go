package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/example/ftgo"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/restaurant"
)

// get returns what a path of the process answers.
func (p *process) get(path string) string {
	p.Helper()
	response, err := http.Get(p.url + path)
	if err != nil {
		p.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.Fatal(err)
	}
	return string(text)
}

// menuOf waits until a restaurant's menu in the view begins with a dish, at a version.
func (p *process) menuOf(id, dish string, version int) {
	p.Helper()
	p.eventually(func() error {
		var found struct {
			Restaurant *struct {
				Version  int
				TimeZone string
				Menu     []struct{ Name string }
			}
		}
		a, err := p.query(&found, `query ($id: ID!) { restaurant(id: $id) { version timeZone menu { name } } }`, map[string]any{"id": id})
		if err != nil {
			return err
		}
		r := found.Restaurant
		if r == nil || a.Extensions.Freshness[0].Source != "VIEW" || r.Version != version || r.Menu[0].Name != dish ||
			r.TimeZone != "America/Los_Angeles" {
			return fmt.Errorf("restaurant %+v, %+v", r, a.Extensions.Freshness)
		}
		return nil
	})
}

// runOn runs a command on a view to its end, and checks its exit code and what it says.
func runOn(t *testing.T, code int, said string, args ...string) string {
	t.Helper()
	c := start(t, nil, args...)
	<-c.exited
	if text := c.out.String() + c.err.String(); c.code != code || !regexp.MustCompile(said).MatchString(text) {
		t.Errorf("%v: exit code %d, want %d and %q:\n%s", args, c.code, code, said, text)
	}
	return c.out.String()
}

// TestTwoViews: the second view has all that the first has: an index that follows its events, readiness, metrics, lag,
// verification, healing and rebuilds of its own.
func TestTwoViews(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	data := t.TempDir()
	flags := append(c.flags, "--data", data)
	rebuildFlags := []string{c.flags[0], c.flags[1], "--data", data}
	serveArgs := append([]string{"serve", "--addr", "127.0.0.1:0"}, flags...)
	p := start(t, nil, serveArgs...)
	p.waitForURL()
	p.menuOf("1", "Chicken Vindaloo", 1)
	menu := strings.NewReader(`{"menuItems": [{"id": "1", "name": "Nothing but Naan", "price": "3.00"}]}`)
	request, err := http.NewRequest(http.MethodPut, c.urls(ftgo.RestaurantService)+"/restaurants/1/menu", menu)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatal(response.Status)
	}
	p.menuOf("1", "Nothing but Naan", 2)
	if err := c.work(3); err != nil {
		t.Fatal(err)
	}
	p.caughtUp(3)
	p.eventually(func() error {
		var ready readiness
		if err := json.Unmarshal([]byte(p.get("/readyz")), &ready); err != nil {
			return err
		}
		for _, what := range []string{"orders", "orders indexer", "restaurants", "restaurants indexer"} {
			if ready.Checks[what] != "ok" {
				return fmt.Errorf("%+v", ready)
			}
		}
		metrics := p.get("/metrics")
		for _, view := range []string{"orders", "restaurants"} {
			for _, name := range []string{
				`documents_written_total{view=%q} [1-9]`, `lag_seconds{view=%q} \d`, `lag_records{view=%q} 0`, `gateway_lag_seconds{view=%q} \d`,
				`feed_news_total{view=%q} [1-9]`, `records_consumed_total{topic=".*",view=%q} [1-9]`,
			} {
				if want := "(?m)^viewgate_" + fmt.Sprintf(name, view); !regexp.MustCompile(want).MatchString(metrics) {
					return fmt.Errorf("no metric %s in\n%s", want, metrics)
				}
			}
		}
		return nil
	})
	if code := p.stop(); code != 0 {
		t.Fatalf("serve: exit code %d", code)
	}

	runOn(t, 0, `12 parts: 12 equal, 0 drift`, append([]string{"verify", "restaurants", "--pause", "100ms"}, flags...)...)
	mapping := mappingOf(t, restaurant.ViewName)
	spoilRestaurant(t, data, mapping)
	verifying := append([]string{"verify", "restaurants", "--pause", "100ms", "--all"}, flags...)
	drift := `restaurant.name +1 +1 +"Nowhere" at version 2 +"Ajanta" at version 2`
	runOn(t, 1, drift, verifying...)
	watching := start(t, nil, append(serveArgs, "--verify-rate", "500")...)
	watching.waitForURL()
	watching.eventually(func() error {
		if metrics := watching.get("/metrics"); !strings.Contains(metrics, `viewgate_view_drift_total{field="restaurant.name",view="restaurants"}`) {
			return fmt.Errorf("no drift is counted in\n%s", metrics)
		}
		return nil
	})
	if code := watching.stop(); code != 0 {
		t.Fatalf("serve: exit code %d", code)
	}
	// A rebuild finds it, too: what the events say is in the new index.
	runOn(t, 1, `document 1: RESTAURANT at version 2: state: live`, append([]string{"rebuild", "restaurants"}, rebuildFlags...)...)
	runOn(t, 0, `healed RESTAURANT of document 1`, append(verifying, "--heal")...)
	runOn(t, 0, `12 documents: 11 parts are the same, 0 are newer than the live index has them, 1 were told by their owners`,
		append([]string{"rebuild", "restaurants"}, rebuildFlags...)...)
	runOn(t, 0, `is live again, 0 records later`, append([]string{"rollback", "restaurants"}, rebuildFlags...)...)
	runOn(t, 0, `asked for all restaurants: 12 are listed`, verifying...)
	runOn(t, 2, `VIEW "menus" is not one of orders, restaurants`, "rebuild", "menus", "--data", data)
}

func mappingOf(t *testing.T, name string) *view.Mapping {
	t.Helper()
	d, err := viewNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.readMapping()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// spoilRestaurant changes a document behind the versions' back.
func spoilRestaurant(t *testing.T, data string, mapping *view.Mapping) {
	t.Helper()
	store, err := embedded.Open(viewDir(data, mapping), mapping, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	found, err := store.Get(t.Context(), view.Anybody(), []string{"1"})
	if err != nil {
		t.Fatal(err)
	}
	d := found["1"]
	wrong := bytes.Replace(d.Source, []byte(`"Ajanta"`), []byte(`"Nowhere"`), 1)
	if r := store.Apply(t.Context(), []view.Write{{ID: "1", Revision: d.Revision, Source: wrong}})[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
}

// TestLettersOfSharedTopic: two consumer groups of one topic, as of two views that are made of it, each write a letter of a
// record that neither can read. It is one.
func TestLettersOfSharedTopic(t *testing.T) {
	t.Parallel()
	addr := kafka(t)
	env := map[string]string{"KAFKA_BROKERS": addr}
	topic := event.TopicOf(event.Restaurant)
	file := filepath.Join(t.TempDir(), "bad.jsonl")
	if err := os.WriteFile(file, []byte(`{"topic": "`+topic+`", "key": "7", "value": "bad"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	finish(t, 0, env, "load", file)
	for _, group := range []string{"one", "two"} {
		start(t, env, "serve", "--addr", "127.0.0.1:0", "--group", group, "--data", t.TempDir()).waitForURL()
	}
	client, err := sarama.NewClient([]string{addr}, indexer.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	p := &process{T: t}
	p.eventually(func() error {
		written, err := client.GetOffset(topic+".dlq", 0, sarama.OffsetNewest)
		if err == nil && written < 2 {
			err = fmt.Errorf("%d letters are written", written)
		}
		return err
	})
	if out, _ := finish(t, 0, env, "dlq", "list"); !regexp.MustCompile(topic + ` +format +1 +0 `).MatchString(out) {
		t.Errorf("list says\n%s", out)
	}
	if out, _ := finish(t, 0, env, "dlq", "list", "--each"); strings.Count(out, topic) != 1 {
		t.Errorf("list --each says\n%s", out)
	}
}

// TestViewWithoutTopics: a view whose topics are not configured is left out, and the others are served.
func TestViewWithoutTopics(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "viewgate.yaml")
	text := "topics:\n"
	for _, a := range []event.Aggregate{event.Order, event.Ticket, event.Delivery, event.Account} {
		text += fmt.Sprintf("  - {name: %s, aggregate: %s}\n", event.TopicOf(a), a)
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--kafka", kafka(t), "--config", config, "--data", t.TempDir()}
	p := start(t, nil, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...)
	p.waitForURL()
	if said := p.err.String(); !strings.Contains(said, "so it is left out") || !strings.Contains(said, "view=restaurants") {
		t.Errorf("it says\n%s", said)
	}
	if text := p.get("/readyz"); strings.Contains(text, "restaurants") || !strings.Contains(text, "orders") {
		t.Errorf("ready: %s", text)
	}
	var found struct{ Restaurant *struct{ Name string } }
	if _, err := p.query(&found, `{ restaurant(id: "1") { name } }`, nil); err == nil || !strings.Contains(err.Error(), "not kept here") {
		t.Errorf("a restaurant is %+v, %v", found, err)
	}
	p.stop()
	if err := os.WriteFile(config, []byte(fmt.Sprintf("topics:\n  - {name: %s, aggregate: Restaurant}\n", event.TopicOf(event.Restaurant))), 0o600); err != nil {
		t.Fatal(err)
	}
	runOn(t, 1, "a gateway needs the view of orders", append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...)
}

// TestAvailableRestaurants: from the services over either store to the answer, the nearest that are open then come first.
func TestAvailableRestaurants(t *testing.T) {
	for _, store := range []string{"embedded", "elasticsearch"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			args, env := []string{"--data", t.TempDir()}, map[string]string{}
			if store == "elasticsearch" {
				e := realElasticsearch(t)
				args, env = nil, map[string]string{"ELASTICSEARCH_URL": e.url, "ELASTICSEARCH_PREFIX": e.prefix, "ELASTICSEARCH_REFRESH": "100ms"}
			}
			c := newCompany(t)
			p := start(t, env, append(append([]string{"serve", "--addr", "127.0.0.1:0"}, c.flags...), args...)...)
			p.waitForURL()
			for _, tt := range []struct {
				name, arguments string
				want            []string
			}{
				{"near", `near: {latitude: 37.8044, longitude: -122.2712}, first: 3`, []string{"Ajanta", "Golden Placeholder Noodles", "Smørrebrød & Sons"}},
				// A Monday, half past seven in the morning in Oakland, when Ajanta is closed and only one is open.
				{"early", `openAt: "2026-03-02T15:30:00Z"`, []string{"Café del Mercado"}},
				{"a Monday's noon", `near: {latitude: 37.8044, longitude: -122.2712}, openAt: "2026-03-02T20:00:00Z", first: 1`, []string{"Golden Placeholder Noodles"}},
				{"a dish", `query: "vindaloo"`, []string{"Ajanta"}},
				{"a cuisine", `cuisine: "nordic"`, []string{"Smørrebrød & Sons"}},
				{"too far", `near: {latitude: 0, longitude: 0}, withinKm: 100`, nil},
			} {
				p.eventually(func() error {
					var found struct {
						AvailableRestaurants struct{ Nodes []struct{ Name string } }
					}
					if _, err := p.query(&found, `{ availableRestaurants(`+tt.arguments+`) { nodes { name } } }`, nil); err != nil {
						return err
					}
					var names []string
					for _, n := range found.AvailableRestaurants.Nodes {
						names = append(names, n.Name)
					}
					if diff := cmp.Diff(tt.want, names); diff != "" {
						return fmt.Errorf("%s (-want +got):\n%s", tt.name, diff)
					}
					return nil
				})
			}
		})
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/example/ftgo"
	"github.com/viewgate/viewgate/indexer"
)

// What is to be forgotten: the name of the example's first consumer, and a street.
const (
	forgottenName   = "Amberley"
	forgottenStreet = "Unforgettable"
	keptStreet      = "Memory"
)

// place orders something for a consumer and returns the order's id.
func (c *company) place(consumer int, street string) string {
	c.Helper()
	response, err := http.Post(c.urls(ftgo.OrderService)+"/orders", "application/json", strings.NewReader(fmt.Sprintf(
		`{"consumerId": %d, "restaurantId": 1, "lineItems": [{"menuItemId": 1, "quantity": 1}],
		"deliveryAddress": {"street1": %q, "city": "Oakland", "state": "CA", "zip": "94612"}}`, consumer, street)))
	if err != nil {
		c.Fatal(err)
	}
	defer response.Body.Close()
	var receipt struct{ OrderID json.Number }
	if err := json.NewDecoder(response.Body).Decode(&receipt); err != nil || response.StatusCode >= 300 {
		c.Fatalf("POST /orders: %s, %v", response.Status, err)
	}
	return receipt.OrderID.String()
}

// client connects to the company's broker.
func (c *company) client() sarama.Client {
	c.Helper()
	config := indexer.NewConfig()
	config.Producer.Partitioner = sarama.NewManualPartitioner
	client, err := sarama.NewClient([]string{c.flags[1]}, config)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { client.Close() })
	return client
}

// redeliver publishes every event of orders once more, and a record that cannot be read.
func (c *company) redeliver(poison string) {
	c.Helper()
	client := c.client()
	topic := event.TopicOf(event.Order)
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		c.Fatal(err)
	}
	defer consumer.Close()
	messages := []*sarama.ProducerMessage{{Topic: topic, Key: sarama.StringEncoder("1"), Value: sarama.StringEncoder(poison)}}
	for number := range int32(2) {
		end, err := client.GetOffset(topic, number, sarama.OffsetNewest)
		if err != nil {
			c.Fatal(err)
		}
		if end == 0 {
			continue
		}
		claim, err := consumer.ConsumePartition(topic, number, sarama.OffsetOldest)
		if err != nil {
			c.Fatal(err)
		}
		for m := range claim.Messages() {
			again := &sarama.ProducerMessage{
				Topic: topic, Partition: number, Key: sarama.ByteEncoder(m.Key), Value: sarama.ByteEncoder(m.Value), Timestamp: m.Timestamp,
			}
			for _, h := range m.Headers {
				again.Headers = append(again.Headers, *h)
			}
			messages = append(messages, again)
			if m.Offset == end-1 {
				break
			}
		}
		claim.AsyncClose()
	}
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		c.Fatal(err)
	}
	defer producer.Close()
	if err := producer.SendMessages(messages); err != nil {
		c.Fatal(err)
	}
}

// letters returns the values of the dead letters of orders, without those that have none.
func (c *company) letters() (all int, values []string, err error) {
	box, err := deadletter.Open(c.Context(), []string{c.flags[1]}, indexer.NewConfig(), []string{event.TopicOf(event.Order)})
	if err != nil {
		return 0, nil, err
	}
	defer box.Close()
	err = box.Each(c.Context(), deadletter.Filter{}, func(l deadletter.Letter) error {
		if all++; l.Value != nil {
			values = append(values, string(l.Value))
		}
		return nil
	})
	return all, values, err
}

const forgottenQuery = `query ($q: String!, $id: ID!, $mode: FreshnessMode!) {
  orderHistory(query: $q, freshness: {mode: $mode}) { total { count } nodes { orderId } }
  ofConsumer: orderHistory(filter: {consumerId: {eq: "1"}}, freshness: {mode: $mode}) { total { count } nodes { orderId } }
  all: orderHistory(first: 100) { total { count } nodes { orderId total { amount } consumer { consumerId name } deliveryAddress { street1 city }
    delivery { location { latitude } } } facets { consumer { values { value } } city { values { value } } } }
  order(id: $id, freshness: {mode: $mode}) { orderId status total { amount } consumer { consumerId name } deliveryAddress { street1 }
    delivery { state location { latitude } } lineItems { name } restaurant { name } }
  consumer(id: "1", freshness: {mode: $mode}) { consumerId name summary { orders { count } } }
}`

// forgets waits until the process shows nothing of what is to be forgotten, however it is asked, so many orders of everybody, and
// what the order costs.
func (p *process) forgets(orders int, id string) {
	p.Helper()
	for _, mode := range []string{"EVENTUAL", "FRESH"} {
		p.eventually(func() error {
			var found struct {
				OrderHistory, OfConsumer, All struct{ Total struct{ Count int } }
				Order                         *struct {
					Status string
					Total  struct{ Amount string }
				}
			}
			a, err := p.query(&found, forgottenQuery, map[string]any{"q": forgottenStreet, "id": id, "mode": mode})
			if err != nil {
				return err
			}
			for _, text := range []string{forgottenName, forgottenStreet, `"consumerId":"1"`} {
				if strings.Contains(string(a.Data), text) {
					return fmt.Errorf("%s shows %s: %s", mode, text, a.Data)
				}
			}
			if found.OrderHistory.Total.Count != 0 || found.OfConsumer.Total.Count != 0 || found.All.Total.Count != orders ||
				found.Order == nil || found.Order.Total.Amount == "" || !strings.Contains(string(a.Data), keptStreet) {
				return fmt.Errorf("%s shows %s", mode, a.Data)
			}
			return nil
		})
	}
}

// runForget runs viewgate forget and checks its exit code and what it says.
func runForget(t *testing.T, env map[string]string, want string, args ...string) {
	t.Helper()
	c := start(t, env, append([]string{"forget", "consumer", "1"}, args...)...)
	<-c.exited
	if said := c.out.String() + c.err.String(); c.code != 0 || !strings.Contains(said, want) {
		t.Fatalf("forget %v: exit code %d, and it says no %q:\n%s", args, c.code, want, said)
	}
}

const poisoned = `{"orderDetails": {"consumerId": 1, "quantity": -}, "consumerName": "Ada Amberley", "street1": "13 Unforgettable Lane"`

// testForget is what is the same whatever the store. Left returns where something is left that is to be forgotten.
func testForget(t *testing.T, c *company, env map[string]string, data []string, embedded bool, left func() (string, error)) {
	args := func(command ...string) []string { return append(append(command, data...), c.flags...) }
	alone := func(command ...string) []string { return append(append(command, data...), c.flags[:2]...) } // without owners
	serveArgs := append(args("serve", "--addr", "127.0.0.1:0"), "--consumer-service", c.urls(ftgo.ConsumerService))
	p := start(t, env, serveArgs...)
	p.waitForURL()
	one := c.place(1, "13 Unforgettable Lane")
	c.place(1, "13 Unforgettable Lane")
	c.place(2, "7 Memory Road")
	c.redeliver(poisoned)
	p.eventually(func() error {
		var found orderPage
		if _, err := p.query(&found, pageQuery, map[string]any{"q": forgottenStreet}); err != nil || found.OrderHistory.Total.Count != 2 {
			return fmt.Errorf("%d orders, %v", found.OrderHistory.Total.Count, err)
		}
		all, values, err := c.letters()
		if err != nil || all != 1 || len(values) != 1 {
			return fmt.Errorf("%d letters, %v", all, err)
		}
		return nil
	})
	p.eventually(func() error { // a merge may take a file away while files are looked at
		where, err := left()
		if err != nil || where == "" {
			return fmt.Errorf("before, nothing of it is anywhere: %v", err)
		}
		return nil
	})
	want := "2 documents erased"
	if embedded {
		want = "erased by the process that serves it"
	}
	runForget(t, env, want, alone()...)
	check := func(step string, letters int) {
		t.Helper()
		if where, err := left(); err != nil || where != "" {
			t.Errorf("%s: left in %s, %v", step, where, err)
		}
		all, values, err := c.letters()
		if err != nil || all != letters || len(values) > 0 {
			t.Errorf("%s: %d letters, copies %q, %v", step, all, values, err)
		}
	}
	p.forgets(3, one)
	check("forgotten", 1)

	c.place(1, "13 Unforgettable Lane") // a late event
	c.redeliver(poisoned)
	p.forgets(4, one)
	p.eventually(func() error {
		if all, values, err := c.letters(); err != nil || all != 3 || len(values) > 0 {
			return fmt.Errorf("%d letters, copies %q, %v", all, values, err)
		}
		return nil
	})
	check("events again", 3)
	if embedded {
		if code := p.stop(); code != 0 {
			t.Fatalf("serve: exit code %d", code)
		}
	}
	rebuilt := start(t, env, alone("rebuild", "orders")...)
	if <-rebuilt.exited; rebuilt.code != 0 || !strings.Contains(rebuilt.out.String(), " 0 documents differ") {
		t.Fatalf("rebuild: exit code %d\n%s\n%s", rebuilt.code, &rebuilt.out, &rebuilt.err)
	}
	check("rebuilt", 3)
	runVerify(t, env, 0, []string{` 0 drift, `}, args("--all", "--heal")...)
	check("compared and healed", 3)
	runForget(t, env, "on the list already", alone()...)
	runForget(t, env, " 0 documents would be erased", alone("--dry-run")...)
	if embedded {
		p = start(t, env, serveArgs...)
		p.waitForURL()
	}
	p.forgets(4, one)
	check("in the end", 3)
}

// TestForget forgets a consumer in an embedded view, by the process that serves it: nothing of theirs is shown any more, nor in the
// files, also after more events, a rebuild, healing from owners who have not forgotten, and a restart. All else is as it was.
func TestForget(t *testing.T) {
	t.Parallel()
	c, dir := newCompany(t), t.TempDir()
	testForget(t, c, nil, []string{"--data", dir}, true, func() (string, error) {
		where := ""
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && d.IsDir() { // segments come and go
				return nil
			}
			if err != nil {
				return err
			}
			content, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			content = bytes.ToLower(content)
			for _, text := range []string{forgottenName, forgottenStreet} {
				if bytes.Contains(content, []byte(strings.ToLower(text))) {
					where = path + " has " + text
				}
			}
			return err
		})
		return where, err
	})
}

// TestForgetInElasticsearch does the same there, beside an indexer and a gateway.
func TestForgetInElasticsearch(t *testing.T) {
	t.Parallel()
	e := realElasticsearch(t)
	c := newCompany(t)
	env := map[string]string{"ELASTICSEARCH_URL": e.url, "ELASTICSEARCH_PREFIX": e.prefix, "ELASTICSEARCH_REFRESH": "100ms"}
	testForget(t, c, env, nil, false, func() (string, error) {
		if _, err := e.ask(http.MethodPost, "/"+e.prefix+"*/_refresh", ""); err != nil {
			return "", err
		}
		text, err := e.ask(http.MethodPost, "/"+e.prefix+"orders*/_search", `{"size": 10000}`)
		for _, what := range []string{forgottenName, forgottenStreet} {
			if bytes.Contains(text, []byte(what)) {
				return "an index: " + what, err
			}
		}
		return "", err
	})
}

// TestForgetRefuses: a wrong command line says what is wrong with it.
func TestForgetRefuses(t *testing.T) {
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"forget", "order", "1", "--data", t.TempDir()}, 2, `"order" cannot be forgotten`},
		{[]string{"forget", "consumer", "forgotten-00", "--data", t.TempDir()}, 2, "is the pseudonym"},
		{[]string{"forget", "consumer", "1"}, 2, "--elasticsearch or --data"},
		{[]string{"forget", "consumer", "1", "--data", t.TempDir(), "--kafka", "127.0.0.1:1"}, 1, "--kafka"},
	} {
		c := start(t, nil, tt.args...)
		if <-c.exited; c.code != tt.code || !strings.Contains(c.err.String(), tt.want) {
			t.Errorf("%v: exit code %d, %s", tt.args, c.code, &c.err)
		}
	}
}

// TestSwept: what the process that serves says of its directory is read by who waits.
func TestSwept(t *testing.T) {
	dir := t.TempDir()
	if swept, left, err := readSwept(dir); swept != 0 || left != nil || err != nil {
		t.Errorf("of nothing %d, %v, %v", swept, left, err)
	}
	for _, want := range [][]string{nil, {"a", "b c"}} {
		if err := writeSwept(dir, 7, want); err != nil {
			t.Fatal(err)
		}
		swept, left, err := readSwept(dir)
		if swept != 7 || strings.Join(left, "|") != strings.Join(want, "|") || err != nil {
			t.Errorf("%d, %v, %v, want %v", swept, left, err, want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, sweptName), []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readSwept(dir); err == nil {
		t.Error("nonsense is read")
	}
}

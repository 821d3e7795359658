package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/viewgate/viewgate/bench/lab"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/view/elastic"
)

// findBenthos returns the program, "" where there is to be none.
func findBenthos(b *testing.B) string {
	switch *peer {
	case "none":
		return ""
	case "build":
		program := filepath.Join(b.TempDir(), "benthos")
		build := exec.Command("go", "build", "-o", program, ".")
		build.Dir = "benthos"
		if out, err := build.CombinedOutput(); err != nil {
			b.Fatalf("Benthos cannot be built (-benthos none does without): %v\n%s", err, out)
		}
		return program
	}
	return *peer
}

// benthos runs Benthos as it is correct, with one request in flight, and as it is fast.
//
// It keeps the same view: one document for each order. As somebody who uses Benthos would have it, each event is upserted
// into its order's document, so that Elasticsearch merges it with what is there: under a member for its aggregate stands
// the event's own body, with its type, version and time. So the member holds the state as far as the bodies tell it.
// The index has the settings of viewgate's, and the same fields are indexed in the same ways, where the bodies have them.
//
// It does less than viewgate: it derives no state, status or timeline, checks no body, and knows no gaps, duplicates or
// dead letters. That an event replaces no newer one rests on the order in which events come alone, so with more than one
// request in flight documents may go wrong. One is wrong if any of its aggregates is not at the version of its last event.
//
// Requests in flight together that update one document conflict, and Benthos then sends all of the batch again. Where few
// documents are hot that hardly ends, so the fast setting is stopped after twice the time that the correct one took, and
// the table tells how many events it had sent.
//
// With one request in flight, batches of 500 and of 1,000 events, periods of 50 and 200 ms and checkpoint limits of 1,024
// and 8,192 were tried; none was quicker than the others beyond the noise, and 500 took the least processor time.
func (l *load) benthos(b *testing.B, program string) []row {
	if program == "" {
		return nil
	}
	correct := l.benthosAt(b, program, 1, 20*time.Minute)
	if correct.events < l.events {
		b.Fatalf("Benthos sent %d of %d events", correct.events, l.events)
	}
	return []row{correct, l.benthosAt(b, program, 64, 2*correct.took)}
}

// benthosBatch is the most events in one of Benthos's requests.
const benthosBatch = 500

// benthosAt runs Benthos until all events are sent, or its time is over.
func (l *load) benthosAt(b *testing.B, program string, inFlight int, patience time.Duration) row {
	prefix := lab.NewPrefix(b, l.backends.Elasticsearch)
	defer lab.DropIndices(b, l.backends.Elasticsearch, prefix)
	index := l.backends.Elasticsearch + "/" + prefix + "benthos"
	if err := lab.Ask(http.MethodPut, index, l.benthosIndex(b, prefix), nil); err != nil {
		b.Fatal(err)
	}
	address := freeAddress(b)
	config := filepath.Join(b.TempDir(), "benthos.json")
	if err := os.WriteFile(config, l.benthosConfig(b, address, prefix+"benthos", inFlight), 0o600); err != nil {
		b.Fatal(err)
	}
	begin, meter := time.Now(), l.meter()
	command := exec.Command(program, "-c", config)
	var output strings.Builder
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	defer command.Process.Kill() // fails where it has ended
	sent := 0
	for sent < l.events && time.Since(begin) < patience {
		time.Sleep(20 * time.Millisecond)
		sent = benthosSent(address)
	}
	r := row{
		system: fmt.Sprintf("Benthos, max_in_flight %d", inFlight), took: time.Since(begin), events: sent,
		documents: len(l.ids), written: sent, memory: lab.PeakMemory(command.Process.Pid),
	}
	meter(&r)
	end := os.Interrupt
	if sent < l.events {
		end = os.Kill // it would go on trying
	}
	if err := command.Process.Signal(end); err != nil {
		b.Fatal(err)
	}
	if err := command.Wait(); err != nil && end != os.Kill {
		b.Fatalf("Benthos: %v\n%s", err, output.String())
	}
	r.processor = command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	r.wrong = l.benthosWrong(b, index)
	return r
}

// members are the members of Benthos's documents, one for each aggregate.
var members = map[event.Aggregate]string{
	event.Order: "order", event.Ticket: "ticket", event.Delivery: "delivery", event.Account: "bill",
}

// benthosIndex returns the body of Benthos's index: that of viewgate's, with each field where the events' bodies have it.
func (l *load) benthosIndex(b *testing.B, prefix string) string {
	type object = map[string]any
	name := lab.OpenView(b, elastic.Options{URLs: []string{l.backends.Elasticsearch}, Prefix: prefix}).Index()
	var indices map[string]struct {
		Settings struct{ Index object }
		Mappings json.RawMessage
	}
	if err := lab.Ask(http.MethodGet, l.backends.Elasticsearch+"/"+name, "", &indices); err != nil {
		b.Fatal(err)
	}
	settings := indices[name].Settings.Index
	for _, its := range []string{"creation_date", "provided_name", "uuid", "version", "number_of_replicas"} {
		delete(settings, its)
	}
	at := func(path string) any {
		var found any
		if err := json.Unmarshal(indices[name].Mappings, &found); err != nil {
			b.Fatal(err)
		}
		for name := range strings.SplitSeq(path, ".") {
			of, ok := found.(object)["properties"].(object)[name]
			if !ok {
				b.Fatalf("viewgate's index has no field %s", path)
			}
			found = of
		}
		return found
	}
	body, err := json.Marshal(object{
		"settings": object{"index": settings},
		"mappings": object{"dynamic": false, "properties": object{
			"orderId": at("orderId"),
			"order": object{"properties": object{
				"type": at("state"), "at": at("updatedAt"),
				"orderDetails": object{"properties": object{
					"lineItems": at("lineItems"), "orderTotal": at("total.amount"),
					"consumerId": at("consumer.consumerId"), "restaurantId": at("restaurant.restaurantId"),
				}},
				"deliveryAddress": at("deliveryAddress"),
				"restaurantName":  at("restaurant.name"), "consumerName": at("consumer.name"),
			}},
			"ticket":   object{"properties": object{"type": at("ticket.state")}},
			"delivery": object{"properties": object{"type": at("delivery.state"), "assignedCourier": at("delivery.courierId")}},
			"bill":     object{"properties": object{"type": at("bill.state")}},
		}},
	})
	if err != nil {
		b.Fatal(err)
	}
	return string(body)
}

func (l *load) benthosConfig(b *testing.B, address, index string, inFlight int) []byte {
	type object = map[string]any
	var topics []string
	mapping := `let part = this.assign({"type": @ce_type, "version": @ce_sequence.number(), "at": @ce_time})` +
		"\nroot = match @kafka_topic {\n"
	for _, s := range l.log.Sources {
		topics = append(topics, s.Topic)
		mapping += fmt.Sprintf("  %q => {\"orderId\": @kafka_key, %q: $part},\n", s.Topic, members[s.Aggregate])
	}
	mapping += "}"
	text, err := json.Marshal(object{
		"http":    object{"address": address},
		"metrics": object{"prometheus": object{}},
		"logger":  object{"level": "WARN"},
		"input": object{"kafka": object{
			"addresses": l.log.Brokers, "topics": topics, "consumer_group": fmt.Sprint(l.log.Name, time.Now().UnixNano()),
			"target_version": "2.8.0", "start_from_oldest": true, "checkpoint_limit": 1024,
		}},
		// One thread: more would put events out of order before they come to the output.
		"pipeline": object{"threads": 1, "processors": []object{{"mapping": mapping}}},
		"output": object{"elasticsearch": object{
			"urls": []string{l.backends.Elasticsearch}, "index": index, "id": "${! @kafka_key }",
			"action": "upsert", "sniff": false, "healthcheck": false, "type": "", "max_in_flight": inFlight,
			"timeout": "30s", "batching": object{"count": benthosBatch, "period": "50ms"},
		}},
	})
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// benthosSent returns how many messages a Benthos has sent, 0 while it does not tell.
func benthosSent(address string) (sent int) {
	response, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "} ")
		if n, err := strconv.ParseFloat(value, 64); err == nil && strings.HasPrefix(name, "output_sent{") {
			sent += int(n)
		}
	}
	return sent
}

// benthosWrong returns how many orders' documents are missing, or not at the version of the last event of each aggregate.
func (l *load) benthosWrong(b *testing.B, index string) (wrong int) {
	type part struct {
		Version uint64 `json:"version"`
	}
	for some := range slices.Chunk(l.ids, 1000) {
		var answer struct {
			Docs []struct {
				ID     string          `json:"_id"`
				Source json.RawMessage `json:"_source"`
			} `json:"docs"`
		}
		body, err := json.Marshal(map[string]any{"ids": some})
		if err != nil {
			b.Fatal(err)
		}
		if err := lab.Ask(http.MethodPost, index+"/_mget", string(body), &answer); err != nil {
			b.Fatal(err)
		}
		for _, d := range answer.Docs {
			n, err := strconv.Atoi(d.ID)
			if err != nil {
				b.Fatal(err)
			}
			want, got := map[string]part{}, map[string]part{}
			for _, e := range l.order(n) {
				want[members[e.Aggregate]] = part{max(want[members[e.Aggregate]].Version, e.Version)}
			}
			var source map[string]json.RawMessage
			if d.Source != nil && json.Unmarshal(d.Source, &source) != nil {
				b.Fatalf("document %s is no object: %s", d.ID, d.Source)
			}
			for name := range want {
				var p part
				if source[name] != nil && json.Unmarshal(source[name], &p) != nil {
					b.Fatalf("document %s: %s", d.ID, source[name])
				}
				got[name] = p
			}
			if !maps.Equal(got, want) {
				wrong++
			}
		}
	}
	return wrong
}

func freeAddress(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

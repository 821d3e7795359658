package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
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
// It is given less to do than viewgate: it joins nothing and reads no body. Each event becomes the document of its own
// aggregate, {orderId, aggregate, version, type} out of the record's key and headers, and overwrites the one before. So
// an order has a small document for each of its aggregates, and one is wrong if it is not that of the aggregate's last
// event.
func (l *load) benthos(b *testing.B, program string) []row {
	if program == "" {
		return nil
	}
	return []row{l.benthosAt(b, program, 1), l.benthosAt(b, program, 64)}
}

// benthosBatch is the most documents in one of Benthos's requests.
const benthosBatch = 500

func (l *load) benthosAt(b *testing.B, program string, inFlight int) row {
	prefix := lab.NewPrefix(b, l.backends.Elasticsearch)
	index := l.backends.Elasticsearch + "/" + prefix + "benthos"
	defer lab.DropIndices(b, l.backends.Elasticsearch, prefix)
	err := lab.Ask(http.MethodPut, index, `{"mappings": {"properties": {"orderId": {"type": "keyword"},
		"aggregate": {"type": "keyword"}, "version": {"type": "long"}, "type": {"type": "keyword"}}}}`, nil)
	if err != nil {
		b.Fatal(err)
	}
	address := freeAddress(b)
	config := filepath.Join(b.TempDir(), "benthos.json")
	if err := os.WriteFile(config, l.benthosConfig(b, address, prefix+"benthos", inFlight), 0o600); err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	command := exec.Command(program, "-c", config)
	var output strings.Builder
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	defer command.Process.Kill() // fails where it has ended
	lab.Eventually(b, 20*time.Minute, func() error {
		if sent := benthosSent(address); sent < l.events {
			return fmt.Errorf("%d of %d events are sent\n%s", sent, l.events, output.String())
		}
		return nil
	})
	r := row{
		system: fmt.Sprintf("Benthos, max_in_flight %d", inFlight), took: time.Since(begin), events: l.events,
		written: l.events, memory: lab.PeakMemory(command.Process.Pid),
	}
	if err := command.Process.Signal(os.Interrupt); err != nil {
		b.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		b.Fatalf("Benthos: %v\n%s", err, output.String())
	}
	r.processor = command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	r.documents, r.wrong = l.benthosWrong(b, index)
	return r
}

func (l *load) benthosConfig(b *testing.B, address, index string, inFlight int) []byte {
	type object = map[string]any
	var topics []string
	mapping := `root = {"orderId": @kafka_key, "version": @ce_sequence.number(), "type": @ce_type}` + "\nroot.aggregate = match @kafka_topic {\n"
	for _, s := range l.log.Sources {
		topics = append(topics, s.Topic)
		mapping += fmt.Sprintf("  %q => %q,\n", s.Topic, s.Aggregate)
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
			"urls": []string{l.backends.Elasticsearch}, "index": index, "id": `${! json("orderId") }-${! json("aggregate") }`,
			"action": "index", "sniff": false, "healthcheck": false, "type": "", "max_in_flight": inFlight,
			"batching": object{"count": benthosBatch, "period": "50ms"},
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

// benthosWrong compares each document's version with that of its aggregate's last event, and returns how many documents
// there must be, and how many are wrong or missing.
func (l *load) benthosWrong(b *testing.B, index string) (documents, wrong int) {
	want := map[string]uint64{}
	var ids []string
	for _, id := range l.ids {
		n, err := strconv.Atoi(id)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range l.order(n) {
			document := id + "-" + string(e.Aggregate)
			if want[document] == 0 {
				ids = append(ids, document)
			}
			want[document] = max(want[document], e.Version)
		}
	}
	for some := range slices.Chunk(ids, 1000) {
		var answer struct {
			Docs []struct {
				ID     string `json:"_id"`
				Source struct {
					Version uint64 `json:"version"`
				} `json:"_source"`
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
			if d.Source.Version != want[d.ID] {
				wrong++
			}
		}
	}
	return len(ids), wrong
}

func freeAddress(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/example/broker"
)

// kafka starts a broker with food to go's topics and returns its address.
func kafka(t *testing.T) string {
	t.Helper()
	var topics []string
	for _, s := range event.DefaultSources() {
		topics = append(topics, s.Topic)
	}
	b, err := broker.Start(broker.Options{Addr: "127.0.0.1:0", Topics: topics, Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b.Addr()
}

// finish runs a command line to its end and returns what it said.
func finish(t *testing.T, code int, env map[string]string, args ...string) (out, err string) {
	t.Helper()
	p := start(t, env, args...)
	<-p.exited
	if p.code != code {
		t.Fatalf("viewgate %s exits with %d, want %d:\n%s%s", strings.Join(args, " "), p.code, code, &p.out, &p.err)
	}
	return p.out.String(), p.err.String()
}

// TestDeadLetterCommands: what cannot be indexed is listed, shown, and replayed where that makes sense.
func TestDeadLetterCommands(t *testing.T) {
	addr := kafka(t)
	env := map[string]string{"KAFKA_BROKERS": addr}
	const topic = "net.chrisrichardson.ftgo.orderservice.domain.Order"
	file := filepath.Join(t.TempDir(), "bad.jsonl")
	eventLine := func(version int, kind, body string) string {
		text, err := json.Marshal(line{Topic: topic, Key: "8", Value: &body, Headers: map[string]string{
			"ce_specversion": "1.0", "ce_id": fmt.Sprint(version), "ce_source": "orders", "ce_type": kind,
			"ce_time": "2026-03-01T12:00:00Z", "ce_subject": "8", "ce_sequence": fmt.Sprint(version),
		}})
		if err != nil {
			t.Fatal(err)
		}
		return string(text) + "\n"
	}
	text := `{"topic": "` + topic + `", "key": "7", "value": "{\"payload\": 1}", ` +
		`"headers": {"color": "green\u001b[31m"}}` + "\n" +
		`{"topic": "` + topic + `", "key": "7", "value": "\u0000\u0001 no text"}` + "\n"
	for version := range 34 { // the last two are more than can wait for version 1
		text += eventLine(version+2, "OrderAuthorized", "{}")
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _ := finish(t, 0, env, "dlq", "list"); out != "no dead letters\n" {
		t.Errorf("list says %q, want that there are none", out)
	}
	finish(t, 0, env, "load", file)
	serving := start(t, env, "serve", "--addr", "127.0.0.1:0", "--data", t.TempDir())
	var out string
	serving.eventually(func() error {
		out, _ = finish(t, 0, env, "dlq", "list", "--topic", "Order")
		if !regexp.MustCompile(topic + ` +overflow +2 +0 +20\S+ \S+Z +20\S+ \S+Z\n`).MatchString(out) {
			return fmt.Errorf("list says\n%s", out)
		}
		return nil
	})
	if lines := strings.Split(out, "\n"); !strings.HasPrefix(lines[0], "TOPIC ") || len(lines) < 4 {
		t.Errorf("list says\n%s", out)
	}

	each, _ := finish(t, 0, env, "dlq", "list", "--each", "--key", "7")
	letters := regexp.MustCompile(`(?m)^(\S+/0/\d+)  +7 +\S+ +1 +20.* -  +`).FindAllStringSubmatch(each, -1)
	if len(letters) != 2 {
		t.Fatalf("list --each says\n%s", each)
	}
	show, _ := finish(t, 0, env, "dlq", "show", "--letter", letters[0][1])
	for _, want := range []string{
		topic + "/0/0", `color: "green\x1b[31m"`, "Replayed  -", "14 bytes of JSON", "\n{\n  \"payload\": 1\n}\n",
	} {
		if !strings.Contains(show, want) {
			t.Errorf("show lacks %q:\n%s", want, show)
		}
	}
	if show, _ = finish(t, 0, env, "dlq", "show", "--letter", letters[1][1]); !strings.Contains(show, "00000000  00 01 20 6e") {
		t.Errorf("show gives no hex dump:\n%s", show)
	}
	if _, said := finish(t, 1, env, "dlq", "show", "--key", "7"); !strings.Contains(said, "2 dead letters") {
		t.Errorf("show of two says %q", said)
	}
	if _, said := finish(t, 1, env, "dlq", "show", "--letter", "Order/0/99"); !strings.Contains(said, "no such") {
		t.Errorf("show of none says %q", said)
	}

	dry, _ := finish(t, 0, env, "dlq", "replay", "--dry-run")
	for _, want := range []string{
		"to " + topic + "/0\n", "skipped: still cannot be decoded", "2 would be replayed, 2 skipped, 0 replayed before\n",
	} {
		if !strings.Contains(dry, want) {
			t.Errorf("replay --dry-run lacks %q:\n%s", want, dry)
		}
	}
	// What had been missing comes, what waited follows, and the replay brings the rest.
	created := eventLine(1, "OrderCreatedEvent", `{"restaurantName": "Ajanta", "orderDetails": {
		"lineItems": [{"quantity": 1, "menuItemId": "1", "name": "Naan", "price": "2.50", "total": "2.50"}],
		"orderTotal": "2.50", "restaurantId": 1, "consumerId": 1}}`)
	if err := os.WriteFile(file, []byte(created), 0o600); err != nil {
		t.Fatal(err)
	}
	finish(t, 0, env, "load", file)
	done, said := finish(t, 0, env, "dlq", "replay", "--reason", "overflow")
	if !strings.Contains(done, "2 replayed, 0 skipped, 0 replayed before\n") || !strings.Contains(said, "2 events published") {
		t.Errorf("replay says %q and %q", done, said)
	}
	serving.waitForURL()
	serving.eventually(func() error {
		var o struct{ Order *struct{ Version int } }
		if _, err := serving.query(&o, `{ order(id: "8") { version } }`, nil); err != nil {
			return err
		}
		if o.Order == nil || o.Order.Version != 35 {
			return fmt.Errorf("order is %+v, want version 35", o.Order)
		}
		return nil
	})
	if done, _ = finish(t, 0, env, "dlq", "replay", "--key", "8"); done != "0 replayed, 0 skipped, 2 replayed before\n" {
		t.Errorf("a second replay says %q", done)
	}
	if _, said = finish(t, 1, env, "dlq", "replay"); !strings.Contains(said, "2 letters were skipped") {
		t.Errorf("replay of what cannot be decoded says %q", said)
	}
	if out, _ = finish(t, 0, env, "dlq", "list"); !regexp.MustCompile(`overflow +2 +2 `).MatchString(out) {
		t.Errorf("list says\n%s", out)
	}
}

// TestSecrets: a secret comes from the command line, the environment or a file, and is shown nowhere.
func TestSecrets(t *testing.T) {
	const secret = "correct horse"
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		env  map[string]string
		args []string
		code int
		want string
	}{
		{"variable", map[string]string{"KAFKA_PASSWORD": secret}, nil, 1, "reached"},
		{"file", map[string]string{"KAFKA_PASSWORD_FILE": file}, nil, 1, "reached"},
		{"flag", nil, []string{"--kafka-password", secret}, 1, "reached"},
		{"flag above a variable", map[string]string{"KAFKA_PASSWORD": ""}, []string{"--kafka-password=" + secret}, 1, "reached"},
		{"none", nil, nil, 1, "needs a user and a password"},
		{"both", map[string]string{"KAFKA_PASSWORD_FILE": file, "KAFKA_PASSWORD": secret}, nil, 2, "are both set"},
		{"no such file", map[string]string{"KAFKA_PASSWORD_FILE": file + "x"}, nil, 2, "no such file"},
		{"help", map[string]string{"KAFKA_PASSWORD": secret}, []string{"--help"}, 0, "KAFKA_PASSWORD_FILE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			args := []string{"dlq", "list", "--kafka", "127.0.0.1:1", "--kafka-sasl", "PLAIN", "--kafka-user", "u"}
			out, err := finish(t, test.code, test.env, append(args, test.args...)...)
			if said := out + err; !strings.Contains(said, test.want) || strings.Contains(said, secret) {
				t.Errorf("said %q, want %q in it and not the secret", said, test.want)
			}
		})
	}
}

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/viewgate/viewgate/web"
)

// TestExamples: the demo answers each example of the playground, without an error, and with something to see.
func TestExamples(t *testing.T) {
	p := start(t, nil, "demo", "--addr", "127.0.0.1:0", "--broker-addr", "127.0.0.1:0", "--services-port", "0",
		"--data", t.TempDir(), "--orders", "40", "--rate", "40", "--speed", "60")
	p.waitForURL()
	examples, err := web.Examples()
	if err != nil {
		t.Fatal(err)
	}
	for _, example := range examples {
		ask := p.post
		if strings.Contains(example.Query, "\nsubscription ") {
			ask = p.follow
		}
		p.eventually(func() error { // orders come by and by
			text, err := ask(example)
			if err == nil {
				err = shows(text)
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", example.Name, err)
			}
			return err
		})
	}
}

// TestFreshnessExamples: while people order, fresh answers are seen ahead of the view's, and parts are seen that owners told.
func TestFreshnessExamples(t *testing.T) {
	p := start(t, nil, "demo", "--addr", "127.0.0.1:0", "--broker-addr", "127.0.0.1:0", "--services-port", "0", "--rate", "20")
	p.waitForURL()
	examples, err := web.Examples()
	if err != nil {
		t.Fatal(err)
	}
	for name, show := range map[string]func(data map[string]json.RawMessage, freshness string) bool{
		"FreshBesideEventual": func(data map[string]json.RawMessage, _ string) bool {
			return !bytes.Equal(data["eventual"], data["fresh"])
		},
		"AtLeast": func(_ map[string]json.RawMessage, freshness string) bool {
			return strings.Contains(freshness, `"source":"OWNERS"`) && strings.Contains(freshness, `"kept":false`)
		},
	} {
		at := slices.IndexFunc(examples, func(example web.Example) bool { return example.Name == name })
		if at < 0 {
			t.Fatalf("there is no example %s", name)
		}
		p.eventually(func() error {
			text, err := p.post(examples[at])
			if err == nil {
				err = shows(text)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			var answer struct {
				Data       map[string]json.RawMessage
				Extensions struct{ Freshness json.RawMessage }
			}
			if err := json.Unmarshal(text, &answer); err != nil {
				return err
			}
			if !show(answer.Data, string(answer.Extensions.Freshness)) {
				return fmt.Errorf("%s shows nothing of freshness: %s", name, text)
			}
			return nil
		})
	}
}

// post answers an example as a request.
func (p *process) post(example web.Example) ([]byte, error) {
	response, err := http.Post(p.url+"/graphql", "application/json", bytes.NewReader(request(example)))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var text json.RawMessage
	err = json.NewDecoder(response.Body).Decode(&text)
	return text, err
}

// follow answers the first message of an example that is a subscription.
func (p *process) follow(example web.Example) ([]byte, error) {
	ctx, cancel := context.WithTimeout(p.Context(), 20*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, p.url+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		return nil, err
	}
	defer conn.CloseNow()
	subscribe := fmt.Sprintf(`{"type": "subscribe", "id": "1", "payload": %s}`, request(example))
	for _, message := range []string{`{"type": "connection_init"}`, subscribe} {
		if err := conn.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
			return nil, err
		}
	}
	for {
		var message struct {
			Type    string
			Payload json.RawMessage
		}
		if err := wsjson.Read(ctx, conn, &message); err != nil {
			return nil, err
		}
		if message.Type != "connection_ack" {
			return message.Payload, nil
		}
	}
}

// request is what is sent for an example.
func request(example web.Example) []byte {
	text, err := json.Marshal(map[string]any{
		"query": example.Query, "variables": json.RawMessage(cmp.Or(example.Variables, "null")),
	})
	if err != nil {
		panic(err) // web checks them
	}
	return text
}

// shows reports errors in an answer, and where there is nothing to see.
func shows(text []byte) error {
	var answer struct {
		Data   map[string]json.RawMessage
		Errors json.RawMessage
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	if answer.Errors != nil || len(answer.Data) == 0 {
		return fmt.Errorf("answer %s", text)
	}
	for name, value := range answer.Data {
		if hollow(value) {
			return fmt.Errorf("%s shows nothing: %s", name, text)
		}
	}
	return nil
}

// hollow reports whether a value is null, a list that is empty or has a null in it, or a page of a list with nothing on it.
func hollow(value json.RawMessage) bool {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) == nil {
		return len(list) == 0 || slices.ContainsFunc(list, func(v json.RawMessage) bool { return string(v) == "null" })
	}
	var page struct{ Edges, Nodes json.RawMessage }
	if json.Unmarshal(value, &page) != nil {
		return true
	}
	return page.Edges != nil && hollow(page.Edges) || page.Nodes != nil && hollow(page.Nodes)
}

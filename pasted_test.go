package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pasted is a request that a text gives to paste into a shell.
type pasted struct{ path, body string }

var pastedPattern = regexp.MustCompile(`(?s)curl -s (?:http://)?[a-z0-9.]+:\d+(/\S+) -H 'Content-Type: application/json'[^']*-d '([^']*)'`)

// pastedIn returns the requests of a text.
func pastedIn(text string) (requests []pasted) {
	for _, m := range pastedPattern.FindAllStringSubmatch(text, -1) {
		requests = append(requests, pasted{m[1], m[2]})
	}
	return requests
}

// pastedAnswer is what the gateway or the shop answers.
type pastedAnswer struct {
	OrderID int
	Data    map[string]json.RawMessage
	Errors  json.RawMessage
	text    []byte
}

// shapeOf returns JSON without what may differ from one answer to the next: of lists their first element is left, of values their kind.
func shapeOf(t *testing.T, text []byte) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var shape func(any) any
	shape = func(value any) any {
		switch value := value.(type) {
		case map[string]any:
			for name := range value {
				value[name] = shape(value[name])
			}
			return value
		case []any:
			for _, first := range value {
				return []any{shape(first)}
			}
			return value
		}
		return fmt.Sprintf("%T", value)
	}
	return shape(value)
}

// TestPastedCommands: what the README and the demo give to paste is answered; an order is placed as they say, and then read.
func TestPastedCommands(t *testing.T) {
	p := start(t, nil, "demo", "--addr", "127.0.0.1:0", "--broker-addr", "127.0.0.1:0", "--services-port", "0", "--speed", "60")
	p.waitForURL()
	ask := func(path, body string) (answer pastedAnswer, err error) {
		response, err := http.Post(p.url+path, "application/json", strings.NewReader(body))
		if err != nil {
			return answer, err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err == nil {
			err = json.Unmarshal(text, &answer)
		}
		answer.text = text
		if err != nil || answer.Errors != nil || answer.Data == nil && answer.OrderID == 0 {
			return answer, fmt.Errorf("%s %s is answered %s, %v", path, body, text, err)
		}
		for name, value := range answer.Data {
			if string(value) == "null" {
				return answer, fmt.Errorf("%s %s has no %s", path, body, name)
			}
		}
		return answer, nil
	}
	readme := readText(t, "README.md")
	sample := regexp.MustCompile("(?s)```json\n(.*?)```").FindStringSubmatch(readme)
	first := pastedIn(readme)[0]
	p.eventually(func() error {
		answer, err := ask(first.path, first.body)
		if err != nil {
			return err
		}
		if diff := cmp.Diff(shapeOf(t, []byte(sample[1])), shapeOf(t, answer.text)); diff != "" {
			return fmt.Errorf("the README's first answer is another (-README +answer)\n%s", diff)
		}
		return nil
	})
	own := regexp.MustCompile(`(?m)^\{ .*AT_LEAST.* \}$`).FindString(readme)
	id := regexp.MustCompile(`order\(id: "(\d+)"`).FindStringSubmatch(own)
	if id == nil {
		t.Fatal("the README reads no order of one's own")
	}
	query, err := json.Marshal(map[string]string{"query": strings.ReplaceAll(own, id[1], "ID")})
	if err != nil {
		t.Fatal(err)
	}
	for name, requests := range map[string][]pasted{
		"README.md": append(pastedIn(readme), pasted{"/graphql", string(query)}),
		"demo":      pastedIn(p.out.String()),
	} {
		placed := 0
		for _, r := range requests {
			if strings.Contains(r.body, "subscription") {
				continue
			}
			if strings.Contains(r.body, "ID") {
				if placed == 0 {
					t.Fatalf("%s: what is read before an order is placed? %s", name, r.body)
				}
				r.body = strings.ReplaceAll(r.body, `ID\"`, fmt.Sprint(placed)+`\"`)
				if _, err := ask(r.path, r.body); err != nil { // at once
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			p.eventually(func() error { // orders come by and by
				answer, err := ask(r.path, r.body)
				if answer.OrderID != 0 {
					placed = answer.OrderID
				}
				return err
			})
		}
		if placed == 0 {
			t.Errorf("%s: nothing is ordered", name)
		}
	}
}

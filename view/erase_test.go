package view_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/viewtest"
)

const letters = `
directive @tag(name: String!) repeatable on OBJECT | FIELD_DEFINITION
type Letter @view(name: "letters") {
  id: ID!
  note: String @tag(name: "internal") @tag(name: "personal")
  weight: Int @index(as: NUMBER)
  sender: Person @index
  copies: [Person!] @index(fields: ["town"])
  carrier: Carrier
}
type Person {
  personId: ID! @index(as: KEYWORD) @visibleTo(role: CONSUMER)
  name: String @index(as: TEXT) @tag(name: "personal")
  town: String @index(as: TEXT) @tag(name: "personal")
  letters: [Letter!]
  newest(first: Int): Letter @tag(name: "personal")
}
type Carrier { name: String route: [Stop!] }
type Stop { street: Street @tag(name: "personal") at: String }
type Street @tag(name: "personal") { name: String! }
`

func TestErase(t *testing.T) {
	m, err := viewtest.MappingOf(letters, "letters")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"carrier.route.street", "copies.town", "note", "sender.name", "sender.town"}
	if diff := cmp.Diff(want, m.Personal); diff != "" {
		t.Fatalf("personal (-want +got):\n%s", diff)
	}
	for _, tt := range []struct{ name, source, want string }{
		{"all of it",
			`{"id": "1", "note": "hush", "weight": 20, "sender": {"personId": "7", "name": "A", "town": "B"},
				"copies": [{"personId": "8", "town": "C"}, {}],
				"carrier": {"name": "Post", "route": [{"street": {"name": "D"}, "at": "noon"}, {"at": "one"}]}, "parts": {"X": {}}}`,
			`{"id": "1", "weight": 20, "sender": {"personId": "gone"}, "copies": [{"personId": "8"}, {}],
				"carrier": {"name": "Post", "route": [{"at": "noon"}, {"at": "one"}]}, "parts": {"X": {}}}`},
		{"nobody's", `{"id": "1", "note": null}`, `{"id": "1"}`},
		{"other shapes", `{"sender": "A", "carrier": [3, {"route": 4}]}`, `{"sender": "A", "carrier": [3, {"route": 4}]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			decode := func(text string) map[string]any {
				source, err := view.DecodeSource(json.RawMessage(text))
				if err != nil {
					t.Fatal(err)
				}
				return source
			}
			got := decode(tt.source)
			for range 2 {
				m.Erase(got, "gone")
				if diff := cmp.Diff(decode(tt.want), got); diff != "" {
					t.Errorf("erased (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestEraseNonNull: what could not be missing could not be erased.
func TestEraseNonNull(t *testing.T) {
	_, err := viewtest.MappingOf(strings.Replace(letters, "name: String @index(as: TEXT)", "name: String! @index(as: TEXT)", 1), "letters")
	if err == nil || !strings.Contains(err.Error(), "Person.name: what is personal") {
		t.Errorf("error %v", err)
	}
}

// TestPersonal holds what the views' documents have of people. A new personal field shows here, and is erased by its tag alone.
func TestPersonal(t *testing.T) {
	sdl, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"orders":      {"consumer.name", "delivery.location", "deliveryAddress"},
		"restaurants": nil,
	} {
		m, err := view.MappingOf(sdl, name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, m.Personal); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

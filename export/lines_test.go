package export_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/export"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/viewtest"
)

// sdl is a view with every kind of field, and types that lead back to themselves.
const sdl = `
scalar JSON
type Money { amount: String! currency: String! }
type Place { latitude: Float! longitude: Float! }
interface Owner { name: String }
type Person implements Owner { name: String born: String }
type Company implements Owner { name: String place: Place }

type Parcel @view(name: "parcels") {
  parcelId: ID! @index(as: KEYWORD, weight: 10)
  note: String @index(as: TEXT) @sortable
  value: Money @index(as: MONEY) @sortable
  weight: Float @index(as: NUMBER)
  sentAt: String @index(as: DATE) @sortable
  fragile: Boolean @index(as: BOOLEAN)
  place: Place @index(as: GEO) @sortable
  items: [Item!] @index
  tags: [String!] @index(as: KEYWORD)
  owner: Owner
  extra: JSON
  part: Parcel
}
type Item {
  name: String @index(as: TEXT)
  count: Int @index(as: NUMBER)
  price: Money @index(as: MONEY)
  remark: String
}
`

func parcels(t testing.TB) (*ast.Schema, *view.Mapping) {
	t.Helper()
	s, err := viewtest.Schema(sdl)
	if err != nil {
		t.Fatal(err)
	}
	m, err := view.MappingOf(s, "parcels")
	if err != nil {
		t.Fatal(err)
	}
	return s, m
}

func TestLines(t *testing.T) {
	lines := export.NewLines(parcels(t))
	for _, test := range []struct{ name, document, want string }{
		{"empty", `{}`, `{}`},
		{"the schema's order", `{"note": "n", "parcelId": "1"}`, `{"parcelId":"1","note":"n"}`},
		{"what is kept beside", `{"parts": {"PARCEL": {"version": 3}}, "parcelId": "1", "_viewgate": {"id": "1"}}`, `{"parcelId":"1"}`},
		{"in a list", `{"items": [{"id": "x", "name": "a"}, {"name": null}]}`, `{"items":[{"name":"a"},{"name":null}]}`},
		{"exact numbers", `{"weight": 12345678901234567890.10}`, `{"weight":12345678901234567890.10}`},
		{"as it was escaped", `{"note": "\u003c\u2028é"}`, `{"note":"\u003c\u2028é"}`},
		{"a scalar that is JSON", "{\"extra\": {\"b\": [1,\n 2], \"a\": 1}}", `{"extra":{"b":[1,2],"a":1}}`},
		{"an interface", `{"owner": {"x": 1, "place": {"latitude": 1, "x": 2}, "name": "A"}}`,
			`{"owner":{"name":"A","place":{"latitude":1}}}`},
		{"back to itself", `{"part": {"parts": 1, "part": {"parts": 1, "parcelId": "3"}}}`, `{"part":{"part":{"parcelId":"3"}}}`},
		{"no object where one belongs", `{"items": [1, null], "value": "5"}`, `{"value":"5","items":[1,null]}`},
		{"line ends", "{\r\n\"note\"\n:\n\"n\"\n}\n", `{"note":"n"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := lines.Append([]byte("before\n"), json.RawMessage(test.document))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff("before\n"+test.want+"\n", string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, bad := range []string{`{`, `{"items": [{]}`, `{"note": }`} {
		if got, err := lines.Append(nil, json.RawMessage(bad)); err == nil {
			t.Errorf("%s is written as %s", bad, got)
		}
	}
}

// TestLinesOfOneLine: whatever a document holds, its line is one, and is read back as the document's fields.
func TestLinesOfOneLine(t *testing.T) {
	lines := export.NewLines(parcels(t))
	rapid.Check(t, func(t *rapid.T) {
		item := rapid.Custom(func(t *rapid.T) map[string]any {
			return map[string]any{"name": rapid.String().Draw(t, "name"), "count": float64(rapid.IntRange(-9, 9).Draw(t, "count"))}
		})
		want := map[string]any{
			"parcelId": rapid.String().Draw(t, "id"), "note": rapid.String().Draw(t, "note"), "items": []any{},
			"extra": map[string]any{rapid.String().Draw(t, "key"): rapid.String().Draw(t, "value")},
		}
		document := map[string]any{"parts": 1}
		for name, value := range want {
			document[name] = value
		}
		var kept, all []any
		for _, i := range rapid.SliceOfN(item, 1, 3).Draw(t, "items") {
			kept = append(kept, map[string]any{"name": i["name"], "count": i["count"]})
			i["internal"] = true
			all = append(all, i)
		}
		want["items"], document["items"] = kept, all
		source, err := json.MarshalIndent(document, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		line, err := lines.Append(nil, source)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Count(line, []byte("\n")) != 1 || !bytes.HasSuffix(line, []byte("}\n")) {
			t.Fatalf("no line: %q", line)
		}
		var got map[string]any
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// FuzzLines: no text makes more than one line, and what is written is JSON if it was.
func FuzzLines(f *testing.F) {
	f.Add(`{"note": "a", "items": [{"name": "b"}]}`)
	f.Add("{\"extra\": [\n{}]}")
	s, err := schema.Load()
	if err != nil {
		f.Fatal(err)
	}
	m, err := view.MappingOf(s, "orders")
	if err != nil {
		f.Fatal(err)
	}
	lines := export.NewLines(s, m)
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := view.DecodeSource(json.RawMessage(text)); err != nil {
			return
		}
		line, err := lines.Append(nil, json.RawMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := view.DecodeSource(line); err != nil || bytes.Count(line, []byte("\n")) != 1 {
			t.Fatalf("%q, %v", line, err)
		}
	})
}

package reading_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/view/reading"
)

type word string

type place struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

type part struct {
	Version uint64          `json:"version,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
	Recent  []string        `json:"recent,omitempty"`
	Below   *part           `json:"below,omitempty"`
}

type details struct {
	Text  string     `json:"text,omitempty"`
	At    time.Time  `json:"at,omitzero"`
	Until *time.Time `json:"until,omitempty"`
	Done  bool       `json:"done"`
	Small int8       `json:"small"`
}

// document has all that is planned, and some of what is not.
type document struct {
	ID string `json:"id"`
	details
	Details  details        `json:"details"`
	Place    *place         `json:"place,omitempty"`
	Word     word           `json:"word"`
	Count    int            `json:"count"`
	Parts    map[word]*part `json:"parts,omitempty"`
	List     []part         `json:"list,omitempty"`
	Value    jsontext.Value `json:"value,omitempty"`
	Any      any            `json:"any,omitempty"`
	Bytes    []byte         `json:"bytes,omitempty"`
	Untagged string
	Ignored  string `json:"-"`
}

// whole is the same, with what is embedded by a name that others see.
type whole struct {
	ID string `json:"id"`
	Inner
	Place    *place         `json:"place,omitempty"`
	Word     word           `json:"word"`
	Count    int            `json:"count"`
	Parts    map[word]*part `json:"parts,omitempty"`
	List     []part         `json:"list,omitempty"`
	Value    jsontext.Value `json:"value,omitempty"`
	Any      any            `json:"any,omitempty"`
	Bytes    []byte         `json:"bytes,omitempty"`
	Untagged string
	Ignored  string `json:"-"`
}

// Inner is embedded.
type Inner struct {
	Text  string     `json:"text,omitempty"`
	At    time.Time  `json:"at,omitzero"`
	Until *time.Time `json:"until,omitempty"`
	Done  bool       `json:"done"`
	Small int8       `json:"small"`
}

var asWritten = jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// check reports where a text is read otherwise than by the other package: what that takes must be taken for the same.
func check[T any](t interface{ Fatalf(string, ...any) }, text []byte) {
	var want, got T
	wrong := jsonv2.Unmarshal(text, &want, asWritten)
	err := reading.Read(text, &got)
	if wrong != nil && err == nil { // in what is not looked at
		return
	}
	if (wrong == nil) != (err == nil) {
		t.Fatalf("%s: %v, want %v", text, err, wrong)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(document{}, details{})); wrong == nil && diff != "" {
		t.Fatalf("%s (-want +got):\n%s", text, diff)
	}
}

var texts = []string{
	`{}`, ` { "id" : "1" } `, `{"id":"1","id":"2"}`, `{"id":"a\"b\u0026\\"}`, `{"id":"Müller"}`, "{\"id\":\"\xff\"}", `{"id":null}`,
	`{"id":1}`, `{"ID":"1"}`, `{"i\u0064":"1"}`, `{"unknown":[{"a":[1,2,{}]},"]}"],"id":"1"}`, `{"id":"1"`, `{"id":"1"}}`, `{"id":"1",}`,
	`{"id":"1"} x`, `null`, `[]`, `"x"`, ``, `{"at":"2026-03-01T12:07:00Z"}`, `{"at":"2026-03-01T12:07:00.5+01:00"}`, `{"at":"2026-02-30T12:07:00Z"}`,
	`{"at":"2026-03-01T24:00:00Z"}`, `{"at":""}`, `{"at":"0000-01-01T00:00:00Z"}`, `{"until":"2026-03-01T12:07:00Z"}`, `{"until":null}`,
	`{"done":true,"small":-128,"count":-0}`, `{"small":128}`, `{"count":01}`, `{"count":1.0}`, `{"count":1e2}`, `{"count":9223372036854775807}`,
	`{"count":9223372036854775808}`, `{"list":[{"version":18446744073709551615}]}`, `{"list":[{"version":-1}]}`, `{"list":[]}`, `{"list":[null]}`,
	`{"list":null}`, `{"parts":{}}`, `{"parts":{"a":{"version":1},"a":{"recent":["x"]}}}`, `{"parts":{"a":null,"b":{"below":{"below":{}}}}}`,
	`{"parts":{"a\n":{}}}`, `{"value":{"a":[1 ,2]},"any":{"b":1.5},"bytes":"AAEC"}`, `{"bytes":"?"}`, `{"value":tru}`, `{"x":}`, `{"x"}`, `{"x":1 2}`,
	`{"place":{"latitude":1.5e0,"longitude":-0.25}}`, `{"place":{"latitude":"1"}}`, `{"Untagged":"a","Ignored":"b"}`, `{"word":"w"}`,
	"{\"id\":\"a\nb\"}", "{\"i\x01\":1}", `{"text":"embedded"}`, `{"details":{"text":"x"}}`,
	`{"x":"\`, `{"x":["\`, `{"x":["\"`, `{"id":"\`, `{"\`,
}

func TestRead(t *testing.T) {
	for _, text := range texts {
		t.Run(text, func(t *testing.T) {
			check[whole](t, []byte(text))
			check[document](t, []byte(text))
			check[part](t, []byte(text))
		})
	}
}

// TestReadWritten: what encoding/json writes is read as it was.
func TestReadWritten(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z&<é"\\]{0,10}`))
	at := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(-6e10, 2e11).Draw(t, "second"), rapid.SampledFrom([]int64{0, 5e8, 1}).Draw(t, "nano")).UTC()
	})
	parts := rapid.Custom(func(t *rapid.T) *part {
		return &part{rapid.Uint64().Draw(t, "version"), json.RawMessage(`{"a":[1]}`), rapid.SliceOfN(text, 1, 3).Draw(t, "recent"), &part{Version: 1}}
	})
	rapid.Check(t, func(t *rapid.T) {
		until := at.Draw(t, "until")
		w := whole{
			ID:    text.Draw(t, "id"),
			Inner: Inner{text.Draw(t, "text"), at.Draw(t, "at"), &until, rapid.Bool().Draw(t, "done"), rapid.Int8().Draw(t, "small")},
			Place: &place{rapid.Float64Range(-90, 90).Draw(t, "latitude"), 0}, Word: word(text.Draw(t, "word")),
			Count: rapid.Int().Draw(t, "count"), Parts: rapid.MapOfN(rapid.Map(text, func(s string) word { return word(s) }), parts, 1, 3).Draw(t, "parts"),
			List: []part{*parts.Draw(t, "part")}, Value: jsontext.Value(`[true,null]`), Bytes: []byte{1}, Untagged: text.Draw(t, "untagged"),
		}
		source, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		check[whole](t, source)
		var back whole
		if err := reading.Read(source, &back); err != nil {
			t.Fatal(err)
		}
		if again, err := json.Marshal(back); err != nil || string(again) != string(source) {
			t.Fatalf("%s became %s, %v", source, again, err)
		}
	})
}

// TestWithout: members that are left out stay zero whichever way the rest is read.
func TestWithout(t *testing.T) {
	plan := reading.New(reflect.TypeFor[whole](), "list", "text", "none")
	for _, source := range []string{
		`{"id":"1","text":"t","list":[{"version":1}],"count":2}`,
		`{"id":"1","text":"t","list":[{"version":1}],"count":1,"count":2}`,
	} {
		var got whole
		if err := plan.Read([]byte(source), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole{ID: "1", Count: 2}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source, diff)
		}
	}
	if err := plan.Read([]byte(`{}`), &part{}); err == nil {
		t.Error("it was read into another type")
	}
}

// TestStringsAreCopies: what happens to the source later changes no string.
func TestStringsAreCopies(t *testing.T) {
	source := []byte(`{"id":"1","parts":{"a":{"recent":["x"]}}}`)
	var got whole
	if err := reading.Read(source, &got); err != nil {
		t.Fatal(err)
	}
	clear(source)
	if diff := cmp.Diff(whole{ID: "1", Parts: map[word]*part{"a": {Recent: []string{"x"}}}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		check[whole](t, text)
		check[part](t, text)
	})
}

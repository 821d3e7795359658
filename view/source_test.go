package view_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/viewtest"
)

func TestDecodeSource(t *testing.T) {
	for text, ok := range map[string]bool{
		`{}`: true, ` {"a": 1} `: true, `{"a":{"b":[null]}}`: true,
		``: false, `null`: false, `[]`: false, `1`: false, `"x"`: false, `{"a":1`: false, `{} {}`: false, `{}x`: false,
	} {
		if source, err := view.DecodeSource(json.RawMessage(text)); (err == nil) != ok || (source != nil) != ok {
			t.Errorf("%q: %v, %v", text, source, err)
		}
	}
}

func TestValues(t *testing.T) {
	m := viewtest.Mapping(t)
	for _, tt := range []struct {
		name, field, source string
		want                []any
	}{
		{"keyword", "tag", `{"tag":"A b"}`, []any{"A b"}},
		{"keyword, a number", "mealId", `{"mealId":12345678901234567890}`, []any{"12345678901234567890"}},
		{"keyword, empty", "tag", `{"tag":""}`, []any{""}},
		{"keyword, list", "tag", `{"tag":["b",null,"a",["c"]]}`, []any{"b", "a", "c"}},
		{"missing", "tag", `{}`, nil},
		{"null", "tag", `{"tag":null}`, nil},
		{"another type", "tag", `{"tag":true}`, nil},
		{"an object", "tag", `{"tag":{"tag":"a"}}`, nil},
		{"below", "guest.name", `{"guest":{"name":"Ann"}}`, []any{"Ann"}},
		{"below null", "guest.name", `{"guest":null}`, nil},
		{"below a text", "guest.name", `{"guest":"Ann"}`, nil},
		{"below a list", "items.dish", `{"items":[{"dish":"a"},{},{"dish":"b"}]}`, []any{"a", "b"}},
		{"number", "seats", `{"seats":2.50}`, []any{2.5}},
		{"number in a text", "seats", `{"seats":"2.50"}`, []any{2.5}},
		{"number, not one", "seats", `{"seats":"NaN"}`, nil},
		{"number, endless", "seats", `{"seats":"Inf"}`, nil},
		{"number, hexadecimal", "seats", `{"seats":"0x10"}`, nil},
		{"number, too large", "seats", `{"seats":1e999}`, nil},
		{"money", "total", `{"total":{"amount":"61.70","currency":"USD"}}`, []any{61.7}},
		{"money without an amount", "total", `{"total":{"currency":"USD"}}`, nil},
		{"money alone", "total", `{"total":"61.70"}`, nil},
		{"date", "placedAt", `{"placedAt":"2026-03-01T12:07:00.5+01:00"}`,
			[]any{time.Date(2026, 3, 1, 11, 7, 0, 5e8, time.UTC)}},
		{"date, not one", "placedAt", `{"placedAt":"2026-03-01"}`, nil},
		{"boolean", "rush", `{"rush":false}`, []any{false}},
		{"boolean, a text", "rush", `{"rush":"false"}`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			source, err := view.DecodeSource(json.RawMessage(tt.source))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, m.Field(tt.field).Values(source)); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			indexed, err := m.DecodeIndexed(json.RawMessage(tt.source))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, m.Field(tt.field).Values(indexed)); diff != "" {
				t.Errorf("values of what is indexed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeIndexed(t *testing.T) {
	m := viewtest.Mapping(t)
	got, err := m.DecodeIndexed(json.RawMessage(`{"tag":"a","events":[{"tag":"b"}],"guest":{"name":"Ann"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"tag": "a", "guest": map[string]any{"name": "Ann"}}, got); diff != "" {
		t.Errorf("what is indexed (-want +got):\n%s", diff)
	}
	for _, text := range []string{``, `[]`, `{"tag":}`, `{"tag":1`} {
		if _, err := m.DecodeIndexed(json.RawMessage(text)); err == nil {
			t.Errorf("%q is decoded", text)
		}
	}
}

func TestWriteCheck(t *testing.T) {
	for _, tt := range []struct {
		name  string
		write view.Write
		want  string
	}{
		{"good", view.Write{ID: "a", Source: json.RawMessage(`{}`)}, ""},
		{"longest id", view.Write{ID: strings.Repeat("x", view.MaxID), Source: json.RawMessage(`{}`)}, ""},
		{"no id", view.Write{Source: json.RawMessage(`{}`)}, "id of 0 bytes"},
		{"long id", view.Write{ID: strings.Repeat("x", view.MaxID+1), Source: json.RawMessage(`{}`)}, "id of 513 bytes"},
		{"id of other bytes", view.Write{ID: "\xff", Source: json.RawMessage(`{}`)}, "not UTF-8"},
		{"no source", view.Write{ID: "a"}, "no JSON object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.write.Check()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestViewer(t *testing.T) {
	m := viewtest.Mapping(t)
	source, err := view.DecodeSource(json.RawMessage(`{"guest":{"guestId":"ann"},"kitchen":{"kitchenId":"k1"}}`))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, tt := range []struct {
		name    string
		viewer  view.Viewer
		scope   view.Filter
		visible bool
	}{
		{"support", view.Support(), nil, true},
		{"own", view.As(view.RoleConsumer, "ann"), view.In{Field: "guest.guestId", Values: []any{"ann"}}, true},
		{"foreign", view.As(view.RoleConsumer, "bob"), view.In{Field: "guest.guestId", Values: []any{"bob"}}, false},
		{"another case", view.As(view.RoleConsumer, "Ann"), view.In{Field: "guest.guestId", Values: []any{"Ann"}}, false},
		{"restaurant", view.As(view.RoleRestaurant, "k1"), view.In{Field: "kitchen.kitchenId", Values: []any{"k1"}}, true},
		{"consumer with a restaurant's id", view.As(view.RoleConsumer, "k1"),
			view.In{Field: "guest.guestId", Values: []any{"k1"}}, false},
		{"no id", view.As(view.RoleConsumer, ""), view.Or{}, false},
		{"unknown role", view.As("COURIER", "ann"), view.Or{}, false},
		{"no role", view.As("", "ann"), view.Or{}, false},
		{"anybody", view.Anybody(), view.Or{}, false},
		{"zero", view.Viewer{}, view.Or{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.scope, m.Scope(tt.viewer)); diff != "" {
				t.Errorf("scope (-want +got):\n%s", diff)
			}
			if got := m.Visible(tt.viewer, source); got != tt.visible {
				t.Errorf("visible: %t", got)
			}
			if slices.Contains(m.Viewers(source), tt.viewer) != tt.visible {
				t.Errorf("among %v", m.Viewers(source))
			}
			if m.Visible(tt.viewer, map[string]any{}) != tt.viewer.SeesAll() {
				t.Error("what belongs to nobody is seen by support alone")
			}
			if text := tt.viewer.String(); seen[text] {
				t.Errorf("another viewer is %q, too", text)
			} else {
				seen[text] = true
			}
		})
	}
}

// TestViewerOfPublicView: all who are anybody see everything, whatever the fields say of others.
func TestViewerOfPublicView(t *testing.T) {
	m, err := viewtest.MappingOf(strings.Replace(viewtest.SDL, `"meals"`, `"meals", public: true`, 1), "meals")
	if err != nil {
		t.Fatal(err)
	}
	source := map[string]any{"guest": map[string]any{"guestId": "ann"}}
	for _, tt := range []struct {
		name   string
		viewer view.Viewer
		sees   bool
	}{
		{"support", view.Support(), true},
		{"own", view.As(view.RoleConsumer, "ann"), true},
		{"foreign", view.As(view.RoleConsumer, "bob"), true},
		{"unknown role", view.As("COURIER", "ann"), true},
		{"anybody", view.Anybody(), true},
		{"no id", view.As(view.RoleConsumer, ""), false},
		{"no role", view.As("", "ann"), false},
		{"zero", view.Viewer{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := view.Filter(view.Or{})
			if tt.sees {
				want = nil
			}
			if diff := cmp.Diff(want, m.Scope(tt.viewer)); diff != "" {
				t.Errorf("scope (-want +got):\n%s", diff)
			}
			if m.Visible(tt.viewer, source) != tt.sees || m.Visible(tt.viewer, map[string]any{}) != tt.sees {
				t.Errorf("not seen as it should be: %t", tt.sees)
			}
		})
	}
}

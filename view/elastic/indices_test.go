package elastic

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/viewtest"
)

func TestIndices(t *testing.T) {
	viewtest.Indices(t, func(t *testing.T) viewtest.OpenIndices {
		o := realOptions(t)
		return func(t *testing.T, m *view.Mapping) view.Indices {
			x, err := OpenIndices(t.Context(), m, o)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
	})
}

// TestFilling checks that an index is filled without refreshes and replicas, and has afterwards the settings of one that
// was never filled.
func TestFilling(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options func(*Options)
	}{
		{"defaults", func(o *Options) { o.RefreshInterval = 0 }},
		{"replicas and another interval", func(o *Options) { o.Replicas, o.RefreshInterval = 2, 5*time.Second }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := realOptions(t)
			tt.options(&o)
			s := mustOpen(t, Open, orders(t), o)
			settings := func() map[string]any {
				var answer map[string]struct{ Settings map[string]any }
				text := ask(t, o, http.MethodGet, "/"+s.Index()+"/_settings?flat_settings", "")
				if err := json.Unmarshal(text, &answer); err != nil {
					t.Fatal(err)
				}
				found := map[string]any{}
				for _, name := range []string{"index.refresh_interval", "index.number_of_replicas"} {
					found[name] = answer[s.Index()].Settings[name]
				}
				return found
			}
			before := settings()
			if err := s.BeginFilling(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := map[string]any{"index.refresh_interval": "-1", "index.number_of_replicas": "0"}
			if diff := cmp.Diff(want, settings()); diff != "" {
				t.Errorf("while it is filled (-want +got):\n%s", diff)
			}
			if err := s.EndFilling(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, settings()); diff != "" {
				t.Errorf("afterwards (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStay has a store's alias move to another schema's index: the store is told to stay, and then to go along.
func TestStay(t *testing.T) {
	o := realOptions(t)
	m := orders(t)
	s := mustOpen(t, Open, m, o)
	write(t, s, order("1"))
	next := mustOpen(t, Create, changed(t), o)
	write(t, next, order("2"))
	if err := next.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := s.Published(t.Context())
	if err != nil || got != next.Index() {
		t.Errorf("published is %q, %v, want %q", got, err, next.Index())
	}
	if diff := cmp.Diff([]string{"2"}, ids(t, next)); diff != "" {
		t.Fatalf("the new index (-want +got):\n%s", diff)
	}
	if _, err := s.On(t.Context(), next.Index()); err == nil {
		t.Error("On another schema's index: no error")
	}
	s.Stay(s.Index())
	if diff := cmp.Diff([]string{"1"}, ids(t, s)); diff != "" {
		t.Errorf("stayed, it reads (-want +got):\n%s", diff)
	}
	s.Stay(next.Index())
	if diff := cmp.Diff([]string{"2"}, ids(t, s)); diff != "" {
		t.Errorf("told to go along, it reads (-want +got):\n%s", diff)
	}
	further := mustOpen(t, Create, m, o)
	write(t, further, order("3"))
	on, err := s.On(t.Context(), further.Index())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"3"}, ids(t, on)); diff != "" {
		t.Errorf("on a further index (-want +got):\n%s", diff)
	}
}

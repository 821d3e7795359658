package elastic

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
)

// TestDescribe: which of two indices is read, and which is being built, where a store reads the one or the alias.
func TestDescribe(t *testing.T) {
	m := orders(t)
	s := newStub(t, m, nil)
	s.answer = func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/_settings/index.creation_date") && r.URL.Query().Get("ignore_unavailable") == "true":
			fmt.Fprint(w, `{"index":{"settings":{"index":{"creation_date":"1772366400000"}}},
				"next":{"settings":{"index":{"creation_date":"1772366460000"}}}}`)
		case r.URL.Path == "/_alias/viewgate-orders-next":
			fmt.Fprint(w, `{"next":{"aliases":{"viewgate-orders-next":{}}}}`)
		case strings.HasSuffix(r.URL.Path, "/_count"):
			fmt.Fprint(w, `{"count":12345}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}
	store := s.store(t, Options{})
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	want := view.Description{
		Index: "index", Made: at, Documents: 12345, Unfinished: &view.Unfinished{Index: "next", Made: at.Add(time.Minute)},
	}
	for name, reads := range map[string]*Store{"the alias": store, "the index": store.Pinned()} {
		got, err := reads.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("read by %s (-want +got):\n%s", name, diff)
		}
	}
	s.answer = answering(http.StatusServiceUnavailable, failed("master_not_discovered_exception"))
	if _, err := store.Describe(t.Context()); err == nil || !strings.Contains(err.Error(), "describe index") {
		t.Errorf("of one that does not answer: %v", err)
	}
}

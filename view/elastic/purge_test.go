package elastic

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/viewtest"
)

// TestPurge: of one document in a thousand that is overwritten, no segment has what it was; and the index merges as before.
func TestPurge(t *testing.T) {
	t.Parallel()
	o := realOptions(t)
	s := mustOpen(t, Open, viewtest.Mapping(t), o)
	var writes []view.Write
	for i := range 1000 {
		writes = append(writes, view.Write{ID: fmt.Sprint(i), Source: json.RawMessage(fmt.Sprintf(`{"mealId":"%d"}`, i))})
	}
	revision := view.Revision("")
	for i, r := range s.Apply(t.Context(), writes) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		if i == 7 {
			revision = r.Revision
		}
	}
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	write := view.Write{ID: "7", Revision: revision, Source: json.RawMessage(`{"mealId":"7"}`)}
	if r := s.Apply(t.Context(), []view.Write{write})[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	if err := s.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	var segments []struct {
		Count   string `json:"docs.count"`
		Deleted string `json:"docs.deleted"`
	}
	text := ask(t, o, http.MethodGet, "/_cat/segments/"+s.Index()+"?format=json", "")
	if err := json.Unmarshal(text, &segments); err != nil || len(segments) == 0 {
		t.Fatalf("%s: %v", text, err)
	}
	for _, segment := range segments {
		if segment.Deleted != "0" {
			t.Errorf("a segment has %s documents and %s that were overwritten", segment.Count, segment.Deleted)
		}
	}
	var settings map[string]struct{ Settings map[string]any }
	text = ask(t, o, http.MethodGet, "/"+s.Index()+"/_settings?flat_settings", "")
	if err := json.Unmarshal(text, &settings); err != nil {
		t.Fatal(err)
	}
	if left, set := settings[s.Index()].Settings["index."+allowedDeletes]; set {
		t.Errorf("index.%s is still %v", allowedDeletes, left)
	}
}

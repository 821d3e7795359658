package viewtest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/view"
)

// Secrets tests that what a viewer is not shown changes nothing that they are told: two stores that are equal but for that, and
// differ in it in every way, answer whatever is asked alike.
func Secrets(t *testing.T, open Open) {
	for _, v := range []view.Viewer{
		view.As(view.RoleConsumer, "ann"), view.As(view.RoleRestaurant, "ann"), view.Anybody(), {},
	} {
		t.Run(v.String(), func(t *testing.T) {
			m := Mapping(t)
			s := &secrets{viewer: v, one: open(t, m), other: open(t, m)}
			s.write(t, m, rand.New(rand.NewPCG(7, 11)))
			rapid.Check(t, s.ask)
		})
	}
}

type secrets struct {
	viewer     view.Viewer
	one, other view.Store
	ids        []string
	shown      int
}

// write fills the stores. What the viewer sees of a document is the same in both, where it is in both.
func (s *secrets) write(t *testing.T, m *view.Mapping, r *rand.Rand) {
	var here, there []view.Write
	for i := range 120 {
		id := fmt.Sprintf("M-%d", i)
		s.ids = append(s.ids, id)
		source := randomDocument(r, id)
		w := view.Write{ID: id, Source: encode(t, source)}
		_, visible, err := m.Show(s.viewer, w.Source)
		if err != nil {
			t.Fatal(err)
		}
		hidden := visible && r.IntN(8) == 0
		w.Hidden = hidden
		here = append(here, w)
		switch {
		case hidden && r.IntN(2) == 0: // it may have any content, and is found by its id alone
			continue
		case !visible && r.IntN(3) == 0:
			continue
		case !visible:
			w.Source, w.Hidden = foreign(t, m, s.viewer, r, id), r.IntN(4) == 0
		default:
			s.shown++
			w.Source = encode(t, s.changed(source, randomDocument(r, id)))
		}
		there = append(there, w)
	}
	for store, writes := range map[view.Store][]view.Write{s.one: here, s.other: there} {
		for i, result := range store.Apply(t.Context(), writes) {
			if result.Err != nil {
				t.Fatalf("write of %s: %v", writes[i].ID, result.Err)
			}
		}
		refresh(t, store)
	}
}

// foreign is another document that the viewer may not see.
func foreign(t *testing.T, m *view.Mapping, v view.Viewer, r *rand.Rand, id string) json.RawMessage {
	for {
		source := encode(t, randomDocument(r, id))
		if _, visible, err := m.Show(v, source); err == nil && !visible {
			return source
		}
	}
}

// changed returns a document with what is kept from the viewer taken from another one.
func (s *secrets) changed(source, from object) object {
	if _, staff := s.viewer.Is(view.RoleRestaurant); !staff || source["state"] == "OPEN" {
		return source
	}
	for _, name := range []string{"note", "extras", "memo"} {
		source[name] = from[name]
	}
	return source
}

func (s *secrets) ask(t *rapid.T) {
	asValue := cmp.Transformer("value", func(text json.RawMessage) string {
		source, err := view.DecodeSource(text)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(source)
	})
	same := func(what string, one, other any) {
		if diff := cmp.Diff(one, other, asValue, cmpopts.EquateEmpty(), cmpopts.EquateApprox(1e-12, 1e-9), cmp.FilterPath(
			func(p cmp.Path) bool { return p.Last().String() == ".Revision" }, cmp.Ignore())); diff != "" {
			t.Fatalf("%s (-one +other):\n%s", what, diff)
		}
	}
	switch rapid.IntRange(0, 5).Draw(t, "ask") {
	case 0:
		ids := rapid.SliceOfN(rapid.SampledFrom(s.ids), 0, 20).Draw(t, "ids")
		one, err := s.one.Get(t.Context(), s.viewer, ids)
		other, err2 := s.other.Get(t.Context(), s.viewer, ids)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		for _, found := range []map[string]view.Document{one, other} { // what is hidden has a caller that checks whose it is
			for id, d := range found {
				if d.Hidden {
					delete(found, id)
				}
			}
		}
		same(fmt.Sprintf("the documents %v", ids), one, other)
	case 1:
		q := view.ValueQuery{
			Field: rapid.SampledFrom([]string{"tag", "title", "items.dish", "extras.name", "state"}).Draw(t, "field"),
			Size:  rapid.IntRange(1, 10).Draw(t, "size"),
		}
		text := rapid.SampledFrom(somePieces).Draw(t, "text")
		switch rapid.IntRange(0, 2).Draw(t, "like") {
		case 0:
			q.Like.Beginning = text
		case 1:
			q.Like.Resembling = text
		}
		one, err := s.one.Values(t.Context(), s.viewer, q)
		other, err2 := s.other.Values(t.Context(), s.viewer, q)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		same(fmt.Sprintf("values for %+v", q), one, other)
	default:
		q := drawQuery(t)
		one, err := s.one.Search(t.Context(), s.viewer, q)
		other, err2 := s.other.Search(t.Context(), s.viewer, q)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		same(fmt.Sprintf("the page for %+v", q), one, other)
		if n := len(one.Hits); n > s.shown {
			t.Fatalf("%d hits of %d that the viewer may see", n, s.shown)
		}
	}
}

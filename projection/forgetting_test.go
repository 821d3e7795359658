package projection_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// gone is the pseudonym of the consumer of history.
const gone = "gone-3"

// people is a list of who is forgotten, as one process knows it.
type people struct{ known bool }

func (p *people) Pseudonym(id string) (string, bool) {
	if id == gone || p.known && id == "3" {
		return gone, true
	}
	return "", false
}

func orderMapping(t interface{ Fatal(...any) }) *view.Mapping {
	sdl, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	m, err := view.MappingOf(sdl, order.ViewName)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// personalText finds what is the consumer's of history in a document, in whatever place. A place that is erased where it waits is 0.
var personalText = regexp.MustCompile(`consumerId":"?3\b|Example Consumer|Street|Oakland|l(at|ong)itude":-?[1-9]`)

// store holds the one document of history under a revision.
type store struct {
	source   json.RawMessage
	revision int
}

// writer is an indexer that remembers the document as it last wrote it.
type writer struct {
	people
	projection.Projection
	document projection.Document // nil: not remembered
	revision int
}

// fold does something to the document as the indexer does: on what is remembered, or read again where another has written.
func (w *writer) fold(t *rapid.T, s *store, do func(projection.Document) bool) {
	if w.document == nil || w.revision != s.revision {
		w.revision, w.document = s.revision, w.New("7")
		if s.source != nil {
			var err error
			if w.document, err = w.Decode(s.source); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !do(w.document) {
		return
	}
	source, err := w.document.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(s.source, []byte(gone)) {
		if what := personalText.FindString(string(source)); what != "" {
			t.Fatalf("%s has come back:\n%s\n%s", what, s.source, source)
		}
	}
	s.source, s.revision = source, s.revision+1
	w.revision = s.revision
}

// TestForgetting is the law of erasing: whenever a consumer is forgotten, between whichever events, duplicates, owners' answers
// and crashes, and however late one of two indexers learns of it, the document is the erased fold of its events in the end. What
// has been erased once is not written again by an indexer that does not know yet; and after both have learned of it and the
// sweep, nothing of it is ever written.
func TestForgetting(t *testing.T) {
	m := orderMapping(t)
	rapid.Check(t, func(t *rapid.T) {
		log := history(t)
		writers := []*writer{{}, {}}
		for _, w := range writers {
			w.Projection = projection.NewForgetting(orders, m, &w.people)
		}
		s := &store{}
		asked := rapid.Bool().Draw(t, "owners are asked")
		any := func() *writer { return rapid.SampledFrom(writers).Draw(t, "writer") }
		offer := func(e event.Envelope) {
			any().fold(t, s, func(d projection.Document) bool {
				r := d.Offer(e)
				if r.Err != nil {
					t.Fatal(r.Err)
				}
				return r.Changed
			})
		}
		for _, e := range shuffled(t, log) {
			offer(e)
			switch rapid.IntRange(0, 9).Draw(t, "what else") {
			case 0:
				any().known = true
			case 1:
				any().document = nil
			case 2:
				if !asked {
					continue
				}
				answer, err := answered(beginnings(t, log, "owners")).Encode()
				if err != nil {
					t.Fatal(err)
				}
				any().fold(t, s, func(d projection.Document) bool { return d.Join(answer).Changed })
			}
		}
		for _, w := range writers {
			w.known = true
		}
		for range 2 { // a sweep, and one that finds nothing left
			w := any()
			w.document = nil
			w.fold(t, s, func(d projection.Document) bool { return d.(interface{ Unwritten() bool }).Unwritten() })
		}
		created := slices.ContainsFunc(log, func(e event.Envelope) bool { return e.Type == "OrderCreatedEvent" })
		for _, e := range append([]event.Envelope{{}}, shuffled(t, log)...) {
			if e.ID != "" {
				offer(e)
			}
			if what := personalText.FindString(string(s.source)); created && what != "" {
				t.Fatalf("%s is left:\n%s", what, s.source)
			}
		}
		if asked || s.source == nil {
			return
		}
		want := naive(log)
		if want.Consumer != nil {
			want.Consumer, want.DeliveryAddress = &order.Consumer{ConsumerID: gone}, nil
			if want.Delivery != nil {
				want.Delivery.Location = nil
			}
		}
		if diff := cmp.Diff(want, decode(t, s.source), cmpopts.IgnoreFields(order.Order{}, "Parts")); diff != "" {
			t.Fatalf("document differs from the erased fold (-want +got):\n%s", diff)
		}
	})
}

// TestForgettingRebuilds: folded anew by those who know, the bytes are those that erasing left.
func TestForgettingRebuilds(t *testing.T) {
	m := orderMapping(t)
	rapid.Check(t, func(t *rapid.T) {
		log := slices.DeleteFunc(history(t), func(event.Envelope) bool { return rapid.IntRange(0, 5).Draw(t, "missing") == 0 })
		p := projection.NewForgetting(orders, m, &people{known: true})
		erased, err := p.Decode(fold(t, log))
		if err != nil {
			t.Fatal(err)
		}
		anew := p.New("7")
		for _, e := range shuffled(t, log) {
			if r := anew.Offer(e); r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		want, _ := erased.Encode()
		got, _ := anew.Encode()
		if string(want) != string(got) {
			t.Fatalf("erased afterwards and from the beginning differ:\n%s\n%s", want, got)
		}
	})
}

// TestForgettingAnswers: of an answer that does not say whose it is, the document does.
func TestForgettingAnswers(t *testing.T) {
	p := projection.NewForgetting(orders, orderMapping(t), &people{known: true})
	at := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	d := p.New("7")
	d.Offer(envelope(event.Order, 1, "OrderCreatedEvent", at, &event.OrderCreatedEvent{
		OrderDetails: event.OrderDetails{ConsumerID: "3", RestaurantID: "1"}, ConsumerName: "Example Consumer",
	}))
	answer := json.RawMessage(`{"orderId":"7","delivery":{"state":"PENDING","location":{"latitude":1,"longitude":2}},
		"parts":{"DELIVERY":{"version":1,"origin":"owner"}}}`)
	for name, of := range map[string]projection.Document{"known": d, "unknown": nil, "another's": p.New("7")} {
		told, err := projection.DecodeAnswer(p, answer, of)
		if err != nil {
			t.Fatal(err)
		}
		source, err := told.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if has := strings.Contains(string(source), "latitude"); has != (name != "known") {
			t.Errorf("%s: %s", name, source)
		}
	}
	if restaurants := projection.NewRestaurants(nil); projection.NewForgetting(restaurants, &view.Mapping{}, nil) != restaurants {
		t.Error("documents that are nobody's are forgotten, too")
	}
}

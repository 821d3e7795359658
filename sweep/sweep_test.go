package sweep_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/sweep"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/order"
)

// people has consumer 3 forgotten.
type people struct{}

func (people) Pseudonym(id string) (string, bool) { return "gone-3", id == "3" || id == "gone-3" }

// busy is a store whose writes conflict so often, and then fail for a while so often.
type busy struct {
	view.Store
	conflicts, faults int
}

func (b *busy) Apply(ctx context.Context, writes []view.Write) []view.Result {
	refuse := func(n *int, err error) []view.Result {
		*n--
		results := make([]view.Result, len(writes))
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	switch {
	case b.conflicts > 0:
		return refuse(&b.conflicts, view.ErrConflict)
	case b.faults > 0:
		return refuse(&b.faults, view.ErrRetry)
	}
	return b.Store.Apply(ctx, writes)
}

// world is a view with so many orders, of which each third one is consumer 3's.
func world(t *testing.T, orders int) (sweep.View, *busy) {
	t.Helper()
	sdl, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	m, err := view.MappingOf(sdl, order.ViewName)
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := event.NewDecoder([]event.Source{{Topic: "accounts", Aggregate: event.Account}})
	if err != nil {
		t.Fatal(err)
	}
	store, err := embedded.OpenMemory(m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	var writes []view.Write
	for i := range orders {
		o := order.New(fmt.Sprint(i))
		o.Part(order.AggregateOrder).Version = 1
		o.Consumer = &order.Consumer{ConsumerID: fmt.Sprint(1 + i%3), Name: "Example Consumer"}
		o.DeliveryAddress = &order.Address{Street1: "1 Example Street"}
		source, err := o.Encode()
		if err != nil {
			t.Fatal(err)
		}
		writes = append(writes, view.Write{ID: o.OrderID, Source: source})
	}
	for _, r := range store.Apply(t.Context(), writes) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	p := projection.NewForgetting(projection.NewOrders(nil), m, people{})
	return sweep.View{Mapping: m, Projection: p, Forgotten: people{}, Decoder: decoder}, &busy{Store: store}
}

func all(orders int) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for i := range orders {
			if !yield(fmt.Sprint(i), nil) {
				return
			}
		}
	}
}

// erased checks that consumer 3's orders have nothing personal, and others' have.
func erased(t *testing.T, store view.Store, orders int) {
	t.Helper()
	for i := range orders {
		found, err := store.Get(t.Context(), view.Support(), []string{fmt.Sprint(i)})
		if err != nil {
			t.Fatal(err)
		}
		source := string(found[fmt.Sprint(i)].Source)
		if has := strings.Contains(source, "Example"); has == (i%3 == 2) {
			t.Errorf("order %d: %s", i, source)
		}
	}
}

// TestDocuments: whoever looks through all documents, or for a person's, erases those that are to be forgotten and no others, though
// others write them and the store fails; and a second time there is nothing to do.
func TestDocuments(t *testing.T) {
	const orders = 250
	for name, how := range map[string]func(sweep.View, view.Store, func(sweep.Progress)) (sweep.Progress, error){
		"all": func(v sweep.View, s view.Store, observe func(sweep.Progress)) (sweep.Progress, error) {
			return v.Documents(t.Context(), s, all(orders), observe)
		},
		"a person's": func(v sweep.View, s view.Store, observe func(sweep.Progress)) (sweep.Progress, error) {
			return v.Person(t.Context(), s, "3", observe)
		},
	} {
		t.Run(name, func(t *testing.T) {
			v, store := world(t, orders)
			store.conflicts, store.faults = 2, 2
			var last sweep.Progress
			for _, want := range []int{orders / 3, 0} {
				p, err := how(v, store, func(p sweep.Progress) { last = p })
				if err != nil || p.Erased != want {
					t.Fatalf("erased %d, %v, want %d", p.Erased, err, want)
				}
				if want > 0 && last != p {
					t.Errorf("observed %+v, done %+v", last, p)
				}
				erased(t, store, orders)
			}
		})
	}
}

// TestDocumentsEnd: what cannot be written for good, or listed, is an error.
func TestDocumentsEnd(t *testing.T) {
	v, store := world(t, 3)
	broken := errors.New("broken")
	_, err := v.Documents(t.Context(), store, func(yield func(string, error) bool) { yield("", broken) }, func(sweep.Progress) {})
	if !errors.Is(err, broken) {
		t.Errorf("listing fails: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	store.faults = 1 << 30
	cancel()
	if _, err := v.Documents(ctx, store, all(3), func(sweep.Progress) {}); err == nil {
		t.Error("interrupted, it has no error")
	}
}

// TestLetters: a letter is chosen by what its record names, by the document that its event belongs to, or by its key.
func TestLetters(t *testing.T) {
	v, store := world(t, 6)
	if v.Member() != "consumerId" {
		t.Fatalf("member %s", v.Member())
	}
	chosen := v.Letters(t.Context(), store, func(record []byte) bool { return strings.Contains(string(record), "Example") })
	cloud := func(subject string) []event.Header {
		var headers []event.Header
		for _, h := range [][2]string{
			{"ce_specversion", "1.0"}, {"ce_id", "e1"}, {"ce_source", "accounts"}, {"ce_type", "AccountAuthorizedEvent"},
			{"ce_time", "2026-03-01T12:00:00Z"}, {"ce_subject", subject}, {"ce_sequence", "2"}, {"content-type", "application/json"},
		} {
			headers = append(headers, event.Header{Key: h[0], Value: []byte(h[1])})
		}
		return headers
	}
	letter := func(key, value string, headers []event.Header) deadletter.Letter {
		return deadletter.Letter{
			Origin: deadletter.Position{Topic: "accounts"}, Key: []byte(key), Value: json.RawMessage(value), Headers: headers,
		}
	}
	bill := func(order string) string {
		return fmt.Sprintf(`{"orderId": %s, "consumerId": 9, "amount": "1.00"}`, order)
	}
	got := map[string]bool{}
	for name, l := range map[string]deadletter.Letter{
		"names them":           letter("404", "{ Example", nil),
		"their document's key": letter("2", "{", nil), "their document's event": letter("77", bill("5"), cloud("77")),
		"another's key": letter("1", "{", nil), "another's event": letter("77", bill("4"), cloud("77")), "nobody's": letter("404", "{", nil),
		"no key": letter("", "{", nil),
	} {
		is, err := chosen(l)
		if err != nil {
			t.Fatal(err)
		}
		if is {
			got[name] = true
		}
	}
	want := map[string]bool{"names them": true, "their document's key": true, "their document's event": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("chosen (-want +got):\n%s", diff)
	}
}

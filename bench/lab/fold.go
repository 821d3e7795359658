package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// Mapping returns the order view's mapping.
func Mapping() (*view.Mapping, error) {
	sdl, err := schema.Load()
	if err != nil {
		return nil, err
	}
	return view.MappingOf(sdl, order.ViewName)
}

// Fold returns what an order's document must be: its events folded one after the other, with nothing stored in between.
func Fold(tb testing.TB, id string, events []event.Envelope) json.RawMessage {
	tb.Helper()
	d := projection.NewOrders(nil).New(id)
	for _, e := range events {
		e.Payload = event.ParsePayload(e.Aggregate, e.Type, e.Data)
		if r := d.Offer(e); r.Err != nil {
			tb.Fatalf("order %s: %v", id, r.Err)
		}
	}
	source, err := d.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return source
}

// Wrong compares the documents of a store with what they must be, and returns the ids of those that differ or are
// missing. A search must find all of them but those that are hidden, and no others.
func Wrong(tb testing.TB, store view.Store, ids []string, want func(id string) json.RawMessage) (wrong []string) {
	tb.Helper()
	ctx := context.Background()
	shown := 0
	for some := range slices.Chunk(ids, 500) {
		got, err := store.Get(ctx, view.Support(), some)
		if err != nil {
			tb.Fatal(err)
		}
		for _, id := range some {
			d, found := got[id]
			if found && !d.Hidden {
				shown++
			}
			if !bytes.Equal(d.Source, want(id)) {
				wrong = append(wrong, id)
			}
		}
	}
	if err := store.Refresh(ctx); err != nil {
		tb.Fatal(err)
	}
	page, err := store.Search(ctx, view.Support(), view.Query{})
	if err != nil {
		tb.Fatal(err)
	}
	if page.Exact && page.Total != shown {
		tb.Errorf("a search finds %d documents, want %d", page.Total, shown)
	}
	return wrong
}

// Source returns a document, nil where there is none.
func Source(tb testing.TB, store view.Store, id string) json.RawMessage {
	tb.Helper()
	got, err := store.Get(context.Background(), view.Support(), []string{id})
	if err != nil {
		tb.Fatal(err)
	}
	return got[id].Source
}

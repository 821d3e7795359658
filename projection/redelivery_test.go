package projection_test

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view"
)

// undecodable is the type of the envelope that stands for a record that cannot be decoded.
const undecodable = "Undecodable"

// partitions lays the events of two aggregates out as Kafka has them: a partition for each, where most events come in
// their order, some late and some twice, with records among them that cannot be decoded.
func partitions(t *rapid.T, unversioned bool) [][]event.Envelope {
	of := map[event.Aggregate][]event.Envelope{}
	for _, e := range history(t) {
		of[e.Aggregate] = append(of[e.Aggregate], e)
	}
	var all [][]event.Envelope
	for _, a := range []event.Aggregate{event.Order, event.Ticket} {
		log := of[a]
		for i := range log {
			if i > 0 && rapid.IntRange(0, 5).Draw(t, "late") == 0 {
				log[i-1], log[i] = log[i], log[i-1]
			}
		}
		for range rapid.IntRange(0, 2).Draw(t, "again") {
			if len(log) > 0 {
				e := rapid.SampledFrom(log).Draw(t, "what")
				log = slices.Insert(log, rapid.IntRange(0, len(log)).Draw(t, "at"), e)
			}
		}
		for range rapid.IntRange(0, 3).Draw(t, "undecodable") {
			e := event.Envelope{Aggregate: a, AggregateID: "7", Type: undecodable}
			log = slices.Insert(log, rapid.IntRange(0, len(log)).Draw(t, "at"), e)
		}
		for i := range log {
			log[i].Partition, log[i].Offset = 3, int64(10+i)
			if unversioned {
				log[i].Version = 0
			}
		}
		all = append(all, log)
	}
	return all
}

// redelivered draws a way in which the partitions' records come: each partition's in their order, but now and then, as
// after a crash, from an earlier one again. Between the partitions anything goes.
func redelivered(t *rapid.T, partitions [][]event.Envelope) (all []event.Envelope) {
	at := make([]int, len(partitions))
	crashes := 0
	for {
		open := []int{}
		for i, log := range partitions {
			if at[i] < len(log) {
				open = append(open, i)
			}
		}
		if len(open) == 0 && crashes > 0 {
			return all
		}
		if len(open) == 0 || crashes < 3 && rapid.IntRange(0, 7).Draw(t, "crash") == 0 {
			crashes++
			for i := range at {
				at[i] = rapid.IntRange(0, at[i]).Draw(t, "from")
			}
			continue
		}
		i := rapid.SampledFrom(open).Draw(t, "next")
		all = append(all, partitions[i][at[i]])
		at[i]++
	}
}

// foldRecords folds events and undecodable records; between them the document is stored, if it is to be, and read again.
func foldRecords(t *rapid.T, p *projection.Orders, records []event.Envelope) []byte {
	stored, err := p.New("7").Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range records {
		d, err := p.Decode(stored)
		if err != nil {
			t.Fatal(err)
		}
		var changed bool
		if e.Type == undecodable {
			changed = d.Degrade(e, string(event.ReasonBody))
		} else if r := d.Offer(e); r.Err == nil {
			changed = r.Changed
		} else {
			t.Fatalf("%s %d: %v", e.Type, e.Version, r.Err)
		}
		after, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if changed {
			stored = after
		}
	}
	return stored
}

// TestRedeliveryMarksAlike is the law of marks: whatever is redelivered, and however the partitions are interleaved, the
// document is what it is when each record comes once, its marks included.
func TestRedeliveryMarksAlike(t *testing.T) {
	for _, tt := range []struct {
		name        string
		ordering    view.Ordering
		unversioned bool
	}{
		{"contiguous", view.Contiguous, false},
		{"rising", view.Rising, false},
		{"unversioned", view.Contiguous, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ordering := map[event.Aggregate]view.Ordering{}
			for a := range aggregateOf {
				ordering[a] = tt.ordering
			}
			p := projection.NewOrders(ordering)
			rapid.Check(t, func(t *rapid.T) {
				log := partitions(t, tt.unversioned)
				want := foldRecords(t, p, slices.Concat(log...))
				if got := foldRecords(t, p, redelivered(t, log)); !bytes.Equal(want, got) {
					t.Fatalf("documents differ:\n%s\n%s", want, got)
				}
			})
		})
	}
}

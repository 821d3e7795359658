package promises

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// place names a partition.
type place struct {
	topic     string
	partition int32
}

// truth is the log, told by order: what each part was at each of its versions.
type truth struct {
	states map[string]map[order.Aggregate]map[view.Version]string
	events []happened
}

// happened is one event of an order.
type happened struct {
	place
	offset    int64
	id        string
	aggregate order.Aggregate
	version   view.Version
}

// aggregates are the parts that events of the log belong to.
var aggregates = map[event.Aggregate]order.Aggregate{
	event.Order: order.AggregateOrder, event.Ticket: order.AggregateTicket,
	event.Delivery: order.AggregateDelivery, event.Account: order.AggregateBill,
}

// tell reads the whole log.
func (w *world) tell() *truth {
	truth := &truth{states: map[string]map[order.Aggregate]map[view.Version]string{}}
	documents := map[string]projection.Document{}
	decoder, err := event.NewDecoder(event.DefaultSources())
	if err != nil {
		w.Fatal(err)
	}
	for _, m := range w.records() {
		var headers []event.Header
		for _, h := range m.Headers {
			headers = append(headers, event.Header{Key: string(h.Key), Value: h.Value})
		}
		events, err := decoder.Decode(event.Record{
			Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Key: m.Key, Value: m.Value, Headers: headers,
			Time: m.Timestamp,
		})
		if err != nil {
			w.Fatal(err)
		}
		for _, e := range events {
			a, ours := aggregates[e.Aggregate]
			if !ours {
				continue
			}
			id := string(m.Key)
			if documents[id] == nil {
				documents[id] = projection.NewOrders(nil).New(id)
				truth.states[id] = map[order.Aggregate]map[view.Version]string{}
			}
			if truth.states[id][a] == nil {
				truth.states[id][a] = map[view.Version]string{}
			}
			documents[id].Offer(e)
			source, err := documents[id].Encode()
			if err != nil {
				w.Fatal(err)
			}
			o, err := order.Decode(source)
			if err != nil {
				w.Fatal(err)
			}
			version := view.Version(e.Version)
			truth.states[id][a][version] = stateOf(o, a)
			truth.events = append(truth.events, happened{place{m.Topic, m.Partition}, m.Offset, id, a, version})
		}
	}
	return truth
}

func stateOf(o *order.Order, a order.Aggregate) string {
	switch {
	case a == order.AggregateOrder:
		return string(o.State)
	case a == order.AggregateTicket && o.Ticket != nil:
		return string(o.Ticket.State)
	case a == order.AggregateDelivery && o.Delivery != nil:
		return string(o.Delivery.State)
	case a == order.AggregateBill && o.Bill != nil:
		return string(o.Bill.State)
	}
	return ""
}

// records returns the log's records, each partition's in its order.
func (w *world) records() (records []*sarama.ConsumerMessage) {
	ends := w.ends()
	consumer, err := sarama.NewConsumer(w.brokers, indexer.NewConfig())
	if err != nil {
		w.Fatal(err)
	}
	defer consumer.Close()
	for part, end := range ends {
		claim, err := consumer.ConsumePartition(part.topic, part.partition, sarama.OffsetOldest)
		if err != nil {
			w.Fatal(err)
		}
		for next := int64(0); next < end; {
			m := <-claim.Messages()
			records, next = append(records, m), m.Offset+1
		}
		if err := claim.Close(); err != nil {
			w.Fatal(err)
		}
	}
	return records
}

// ends returns where the topics of the order view's events end now.
func (w *world) ends() map[place]int64 {
	ends := map[place]int64{}
	for _, s := range event.DefaultSources() {
		if _, ours := aggregates[s.Aggregate]; !ours {
			continue
		}
		partitions, err := w.kafka.Partitions(s.Topic)
		if err != nil {
			w.Error(err)
			return nil
		}
		for _, n := range partitions {
			end, err := w.kafka.GetOffset(s.Topic, n, sarama.OffsetNewest)
			if err != nil {
				w.Error(err)
				return nil
			}
			ends[place{s.Topic, n}] = end
		}
	}
	return ends
}

// check compares the book with the log: each part that was shown was so at its version, each status follows from the
// parts shown, and each fresh list of everybody's orders has what the log had.
func (t *truth) check(tb testing.TB, b *book) {
	for _, o := range b.answers {
		whole := order.New(o.OrderID)
		for a, p := range o.parts() {
			if p.Version == 0 {
				continue
			}
			if want, known := t.states[o.OrderID][a][p.Version]; !known || want != p.State {
				tb.Errorf("order %s: %s was shown as %s at version %d; it was %q", o.OrderID, a, p.State, p.Version, want)
			}
			whole.Part(a).Version = p.Version
			switch a {
			case order.AggregateOrder:
				whole.State = order.State(p.State)
			case order.AggregateTicket:
				whole.Ticket = &order.Ticket{State: order.TicketState(p.State)}
			case order.AggregateDelivery:
				whole.Delivery = &order.Delivery{State: order.DeliveryState(p.State)}
			case order.AggregateBill:
				whole.Bill = &order.Bill{State: order.BillState(p.State)}
			}
		}
		if whole.Derive(); string(whole.Status) != o.Status {
			tb.Errorf("order %s was shown as %s; its parts make it %s: %+v", o.OrderID, o.Status, whole.Status, o)
		}
	}
	for _, l := range b.lists {
		least, most := 0, 0
		must := map[string]compose.Versions{}
		for _, e := range t.events {
			placed := e.aggregate == order.AggregateOrder && e.version == 1
			if e.offset < l.began[e.place] {
				v := must[e.id]
				v.Raise(e.aggregate, e.version)
				must[e.id] = v
				if placed {
					least++
				}
			}
			if e.offset < l.ended[e.place] && placed {
				most++
			}
		}
		if l.total < least || l.total > most {
			tb.Errorf("a fresh list of all has a total of %d; the log had %d before and %d after", l.total, least, most)
		}
		for _, o := range l.nodes {
			if !o.versions().Reach(must[o.OrderID]) {
				tb.Errorf("a fresh list of all has order %s at %v; the log had %v", o.OrderID, o.versions(), must[o.OrderID])
			}
		}
	}
}

// compare composes every order and compares it with the view's document, field by field: what the owners answer is what
// the events made, as far as owners tell it.
func (w *world) compare() {
	ids := map[string]bool{}
	for _, e := range w.tell().events {
		ids[e.id] = true
	}
	all := slices.Sorted(maps.Keys(ids))
	for some := range slices.Chunk(all, 500) {
		wanted := map[string]compose.Parts{}
		for _, id := range some {
			wanted[id] = compose.AllParts
		}
		compositions := w.owners.Compose(context.Background(), wanted)
		documents, err := w.view.Load().Get(context.Background(), view.Support(), some)
		if err != nil {
			w.Fatal(err)
		}
		for _, id := range some {
			projected, err := order.Decode(documents[id].Source)
			if err != nil {
				w.Fatal(err)
			}
			composed := compositions[id].Order
			if diff := cmp.Diff(told(projected), told(composed)); diff != "" || len(compositions[id].Failed) > 0 {
				w.Errorf("order %s, failed %v (-projected +composed):\n%s", id, compositions[id].Failed, diff)
			}
		}
	}
	w.Logf("%d orders composed and compared", len(all))
}

// told is an order as far as its owners tell of it.
func told(o *order.Order) order.Order {
	t := *o
	t.Timeline, t.UpdatedAt = nil, time.Time{}
	t.Parts = map[order.Aggregate]*view.Part{}
	for a, p := range o.Parts {
		t.Parts[a] = &view.Part{Version: p.Version}
	}
	return t
}

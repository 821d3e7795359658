package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// world is a view and the owners of what is in it.
type world struct {
	view.Index
	t      rapid.TB
	orders *projection.Orders

	mu     sync.Mutex
	owners map[string]*order.Order // guarded by mu
	asked  func(id string)         // called, if set, before an owner answers
	read   func(n int)             // called, if set, before the nth reading of the view, from 1
	reads  int
	write  func(view.Write) error // called, if set, before a document is written; its error is the write's
}

func newWorld(t rapid.TB) *world {
	return &world{
		Index: &memory{documents: map[string]view.Document{}},
		t:     t, orders: projection.NewOrders(nil), owners: map[string]*order.Order{},
	}
}

// memory is the methods of a view.Index that a verification uses, over a map: a law takes many views.
type memory struct {
	view.Index
	mu        sync.Mutex
	documents map[string]view.Document // guarded by mu
	writes    int                      // guarded by mu
}

func (m *memory) Get(_ context.Context, _ view.Viewer, ids []string) (map[string]view.Document, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string]view.Document{}
	for _, id := range ids {
		if d, ok := m.documents[id]; ok {
			found[id] = d
		}
	}
	return found, nil
}

func (m *memory) Apply(_ context.Context, writes []view.Write) []view.Result {
	m.mu.Lock()
	defer m.mu.Unlock()
	results := make([]view.Result, len(writes))
	for i, w := range writes {
		if m.documents[w.ID].Revision != w.Revision {
			results[i].Err = view.ErrConflict
			continue
		}
		m.writes++
		results[i].Revision = view.Revision(fmt.Sprint(m.writes))
		m.documents[w.ID] = view.Document{ID: w.ID, Revision: results[i].Revision, Hidden: w.Hidden, Source: w.Source}
	}
	return results
}

func (m *memory) IDs(context.Context) iter.Seq2[string, error] {
	m.mu.Lock()
	ids := slices.Sorted(maps.Keys(m.documents))
	m.mu.Unlock()
	return func(yield func(string, error) bool) {
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
	}
}

func (m *memory) Sample(ctx context.Context, _ int, _ int64) ([]string, error) {
	var ids []string
	for id := range m.IDs(ctx) {
		ids = append(ids, id)
	}
	return ids, nil
}

func (w *world) Get(ctx context.Context, v view.Viewer, ids []string) (map[string]view.Document, error) {
	if w.reads++; w.read != nil {
		w.read(w.reads)
	}
	return w.Index.Get(ctx, v, ids)
}

func (w *world) Apply(ctx context.Context, writes []view.Write) []view.Result {
	if w.write != nil {
		for _, one := range writes {
			if err := w.write(one); err != nil {
				return []view.Result{{Err: err}}
			}
		}
	}
	return w.Index.Apply(ctx, writes)
}

// Ask implements Owners.
func (w *world) Ask(_ context.Context, wanted map[string][]string) map[string]compose.Told {
	all := map[string]compose.Told{}
	for id, parts := range wanted {
		if w.asked != nil {
			w.asked(id)
		}
		w.mu.Lock()
		o := w.owners[id]
		w.mu.Unlock()
		if o == nil {
			o = order.New(id)
		}
		answer := answerOf(o)
		for _, a := range order.Aggregates {
			if !slices.Contains(parts, string(a)) {
				delete(answer.Parts, a)
			}
		}
		source, err := answer.Encode()
		if err != nil {
			w.t.Fatal(err)
		}
		all[id] = compose.Told{Document: source, Failed: answer.failed}
	}
	return all
}

// own makes an order what its owners have.
func (w *world) own(o *order.Order) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owners[o.OrderID] = copyOf(o)
}

// put writes documents whatever is there, as it is: no derived field is computed anew.
func (w *world) put(orders ...*order.Order) {
	w.t.Helper()
	for _, o := range orders {
		found, err := w.Index.Get(context.Background(), view.Support(), []string{o.OrderID})
		if err != nil {
			w.t.Fatal(err)
		}
		source, err := o.Encode()
		if err != nil {
			w.t.Fatal(err)
		}
		write := view.Write{ID: o.OrderID, Revision: found[o.OrderID].Revision, Hidden: o.Hidden(), Source: source}
		if r := w.Index.Apply(context.Background(), []view.Write{write})[0]; r.Err != nil {
			w.t.Fatal(r.Err)
		}
	}
}

func (w *world) stored(id string) *order.Order {
	w.t.Helper()
	found, err := w.Index.Get(context.Background(), view.Support(), []string{id})
	if err != nil {
		w.t.Fatal(err)
	}
	d, ok := found[id]
	if !ok {
		w.t.Fatalf("there is no document %s", id)
	}
	o, err := order.Decode(d.Source)
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// verify verifies all documents of the view.
func (w *world) verify(o Options) Report {
	w.t.Helper()
	o.Pause = time.Microsecond
	report, err := New(w, w.orders, w, o).Verify(context.Background(), w.Index.IDs(context.Background()), 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// parts returns what a report says of the parts, as text: "drift 1, equal 2".
func parts(r Report) string {
	var all []string
	for _, o := range Outcomes {
		if n := r.Parts[o]; n > 0 {
			all = append(all, fmt.Sprintf("%s %d", o, n))
		}
	}
	return strings.Join(all, ", ")
}

var bookkeeping = cmpopts.IgnoreFields(order.Order{}, "Parts")

// TestHeal: of random documents, some with wrong values, some behind, some missing, some degraded, a verification tells each
// wrong field of each document; healing leaves documents that are what their owners have, with what is derived from it;
// and a second verification finds nothing.
func TestHeal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		wrong, fields, ids := 0, map[string]int{}, []string{}
		for i := range rapid.IntRange(1, 8).Draw(t, "documents") {
			truth := someOrder(t, fmt.Sprint(i))
			w.own(truth)
			ids = append(ids, truth.OrderID)
			inView := copyOf(truth)
			switch rapid.SampledFrom([]string{"sound", "drift", "behind", "missing", "degraded"}).Draw(t, "fault") {
			case "drift":
				changed, differ := mutate(t, truth, 4)
				inView = changed
				drifting := map[string]bool{}
				for _, f := range differ {
					fields[f]++
					drifting[strings.Split(f, ".")[0]] = true
				}
				wrong += len(drifting)
			case "behind":
				for a := range inView.Parts {
					inView.Part(a).Version--
					wrong++
				}
			case "missing":
				wrong += len(truth.Parts)
				continue
			case "degraded":
				inView.Part(order.AggregateOrder).Degrade(1, "body")
			}
			w.put(inView)
		}
		all := func(yield func(string, error) bool) {
			for _, id := range ids {
				if !yield(id, nil) {
					return
				}
			}
		}
		o := Options{Pause: time.Microsecond}
		before, err := New(w, w.orders, w, o).Verify(context.Background(), all, len(ids))
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]int{}
		for f, found := range before.Fields {
			told[f] = found.Documents
		}
		if diff := cmp.Diff(fields, told); diff != "" || before.Wrong != wrong || before.Documents != len(ids) {
			t.Fatalf("%d of %d parts wrong in %d documents, fields (-want +got):\n%s", before.Wrong, wrong, before.Documents, diff)
		}
		o.Heal = true
		healed, err := New(w, w.orders, w, o).Verify(context.Background(), all, len(ids))
		if err != nil {
			t.Fatal(err)
		}
		if healed.Wrong != 0 || healed.Unable != 0 || healed.Healed != wrong+before.Parts[Degraded] {
			t.Fatalf("healed %d of %d, %d left: %+v", healed.Healed, wrong, healed.Wrong, healed.Left)
		}
		for _, id := range ids {
			want := copyOf(w.owners[id])
			if diff := cmp.Diff(want, w.stored(id), bookkeeping); diff != "" {
				t.Fatalf("document %s (-want +got):\n%s", id, diff)
			}
		}
		if again := w.verify(Options{}); again.Wrong != 0 || again.Parts[Equal] == 0 || len(again.Parts) != 1 {
			t.Fatalf("after healing: %s", parts(again))
		}
	})
}

// TestHealKeepsTheOthers: what is right stays the events', so that a rebuild can compare it.
func TestHealKeepsTheOthers(t *testing.T) {
	w := newWorld(t)
	inView, answer := pair(func(o *order.Order) { o.Ticket.State = order.TicketPreparing }, nil)
	w.own(answer.Order)
	w.put(inView)
	r := w.verify(Options{Heal: true})
	if parts(r) != "equal 1, drift 1" || r.Healed != 1 || r.Wrong != 0 {
		t.Errorf("%s; healed %d", parts(r), r.Healed)
	}
	got := w.stored("1")
	if origin := got.Part(order.AggregateOrder).Origin; origin != view.FromEvents {
		t.Errorf("the order part, which was right, is from %q", origin)
	}
	if got.Ticket.State != order.TicketAccepted || got.Part(order.AggregateTicket).Origin != view.FromOwner {
		t.Errorf("ticket %+v, %+v", got.Ticket, got.Part(order.AggregateTicket))
	}
	// An owner that tells other values at the same version twice: which of the two answers is right cannot be known.
	got.Ticket.State = order.TicketPreparing
	w.put(got)
	r = w.verify(Options{Heal: true})
	if r.Wrong != 1 || r.Unable != 1 || len(r.Left) != 1 || !errors.Is(r.Left[0].Err, errSameOrigin) {
		t.Errorf("%s; left %+v", parts(r), r.Left)
	}
}

// TestHealLeavesWhatCameMeanwhile: of two parts that stay behind, the one that has come when they are about to be mended
// stays the events'.
func TestHealLeavesWhatCameMeanwhile(t *testing.T) {
	w := newWorld(t)
	inView, answer := pair(func(o *order.Order) {
		o.Part(order.AggregateOrder).Version, o.Part(order.AggregateTicket).Version = 1, 3
	}, nil)
	w.own(answer.Order)
	w.put(inView)
	w.read = func(n int) {
		if n == 3 { // after two looks
			came := w.stored("1")
			came.Part(order.AggregateOrder).Version = 2
			w.put(came)
		}
	}
	r := w.verify(Options{Heal: true})
	got := w.stored("1")
	if origin := got.Part(order.AggregateOrder).Origin; origin != view.FromEvents || r.Wrong != 0 {
		t.Errorf("the order part is from %q, %d parts are wrong", origin, r.Wrong)
	}
	if p := got.Part(order.AggregateTicket); p.Version != 4 || p.Origin != view.FromOwner {
		t.Errorf("the ticket part, which is behind, is %+v", p)
	}
}

// TestBehindIsNotDrift: a document that comes to its owner's version between two looks is not told.
func TestBehindIsNotDrift(t *testing.T) {
	w := newWorld(t)
	inView, answer := pair(func(o *order.Order) {
		o.State, o.Part(order.AggregateOrder).Version = order.ApprovalPending, 1
	}, nil)
	w.own(answer.Order)
	w.put(inView)
	if r := w.verify(Options{}); parts(r) != "equal 1, behind 1" || r.Wrong != 1 || len(r.Fields) != 0 {
		t.Errorf("a document that stays behind: %s, fields %v", parts(r), r.Fields)
	}
	w.reads = 0
	w.read = func(n int) {
		if n == 2 {
			w.put(answer.Order)
		}
	}
	if r := w.verify(Options{}); parts(r) != "equal 2" || r.Wrong != 0 {
		t.Errorf("one that catches up: %s", parts(r))
	}
}

// TestMissing: orders that the view lacks are found by asking for those of consumers in it.
func TestMissing(t *testing.T) {
	w := newWorld(t)
	inView, answer := pair(nil, nil)
	w.own(answer.Order)
	w.put(inView)
	for _, id := range []string{"2", "3"} {
		other := copyOf(answer.Order)
		other.OrderID = id
		w.own(other)
	}
	w.put(func() *order.Order { o := copyOf(inView); o.OrderID = "3"; return o }())
	consumerOf := func(document json.RawMessage) string {
		o, err := order.Decode(document)
		if err != nil {
			t.Fatal(err)
		}
		return o.Consumer.ConsumerID
	}
	var asked []string
	list := func(_ context.Context, consumer string) ([]string, error) {
		asked = append(asked, consumer)
		return []string{"1", "2", "3"}, nil
	}
	r := w.verify(Options{Listing: &Listing{consumerOf, list}, Heal: true})
	if !slices.Equal(asked, []string{"7"}) || r.Groups != 1 || r.Listed != 3 {
		t.Errorf("asked %v, %d consumers, %d orders", asked, r.Groups, r.Listed)
	}
	if parts(r) != "equal 4, missing_in_view 2" || r.Healed != 2 || r.Documents != 3 {
		t.Errorf("%s of %d documents; healed %d", parts(r), r.Documents, r.Healed)
	}
	if diff := cmp.Diff(copyOf(w.owners["2"]), w.stored("2"), bookkeeping); diff != "" {
		t.Errorf("the document that was missing (-want +got):\n%s", diff)
	}
	down := func(context.Context, string) ([]string, error) { return nil, compose.ErrOwner }
	r = w.verify(Options{Listing: &Listing{consumerOf, down}})
	if !errors.Is(r.ListFailed, compose.ErrOwner) || parts(r) != "equal 6" {
		t.Errorf("with an owner that does not list: %s, %v", parts(r), r.ListFailed)
	}
}

// TestUnversioned: parts without versions are compared where the view is not behind, and are not mended.
func TestUnversioned(t *testing.T) {
	w := newWorld(t)
	inView, answer := pair(func(o *order.Order) {
		*o.Part(order.AggregateTicket) = view.Part{Last: &view.Place{Offset: 7}}
		*o.Part(order.AggregateOrder) = view.Part{Last: &view.Place{Offset: 3}}
		o.Ticket.State = order.TicketPreparing
	}, nil)
	w.own(answer.Order)
	w.put(inView)
	for _, tt := range []struct {
		name   string
		passed func(context.Context) bool
		want   string
	}{
		{"lag not known", nil, "unversioned 2"},
		{"lagging", func(context.Context) bool { return false }, "unversioned 2"},
		{"all events passed", func(context.Context) bool { return true }, "equal 1, drift 1"},
	} {
		if r := w.verify(Options{Passed: tt.passed}); parts(r) != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, parts(r), tt.want)
		}
	}
	r := w.verify(Options{Passed: func(context.Context) bool { return true }, Heal: true})
	if r.Healed != 0 || r.Wrong != 1 || len(r.Left) != 1 || !errors.Is(r.Left[0].Err, errUnordered) {
		t.Errorf("healed %d, left %+v", r.Healed, r.Left)
	}
}

// TestWatch: what a background verification finds is counted, and nothing is written.
func TestWatch(t *testing.T) {
	w := newWorld(t)
	inView, answer := pair(func(o *order.Order) { o.Ticket.State = order.TicketPreparing }, nil)
	w.own(answer.Order)
	w.put(inView)
	w.write = func(view.Write) error { t.Error("it writes"); return view.ErrRefused }
	began := time.Now()
	registry := prometheus.NewRegistry()
	ctx, cancel := context.WithCancel(t.Context())
	v := New(w, w.orders, w, Options{Registerer: registry, Observe: func(p Progress) {
		if p.Drift > 0 {
			cancel()
		}
	}})
	if err := v.Watch(ctx, w, 1000); err != nil {
		t.Fatal(err)
	}
	if n := testutil.ToFloat64(v.metrics.drift.WithLabelValues("ticket.state")); n < 1 {
		t.Errorf("ticket.state drifts %g times", n)
	}
	if n := testutil.ToFloat64(v.metrics.parts.WithLabelValues(string(Equal))); n < 1 {
		t.Errorf("%g parts are equal", n)
	}
	if f := v.Figures(); f.Checked < 1 || f.Drifted < 1 || f.Drifted > f.Checked || f.Apart != 0 || f.At.Before(began) {
		t.Errorf("in short: %+v", f)
	}
	for _, rate := range []float64{0, -1, 2000} {
		if err := v.Watch(t.Context(), w, rate); err == nil {
			t.Errorf("a rate of %g is taken", rate)
		}
	}
}

// TestInterrupted: what has been found until an interrupt is returned, and owners are not blamed for it.
func TestInterrupted(t *testing.T) {
	w := newWorld(t)
	inView, answer := pair(nil, nil)
	w.own(answer.Order)
	w.put(inView)
	ctx, cancel := context.WithCancel(t.Context())
	ids := func(yield func(string, error) bool) {
		for range maxBatch {
			yield("1", nil)
		}
		w.asked = func(string) { cancel() }
		for range maxBatch {
			if !yield("1", nil) {
				return
			}
		}
	}
	r, err := New(w, w.orders, w, Options{}).Verify(ctx, ids, 2*maxBatch)
	if !errors.Is(err, context.Canceled) || r.Documents != maxBatch || r.Parts[Failed] != 0 {
		t.Errorf("%v after %d documents: %s", err, r.Documents, parts(r))
	}
}

package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"time"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// ListRequest asks for a page of orders, as fresh as wanted.
type ListRequest struct {
	view.Query
	Freshness Freshness // Least is not looked at: Seen is
	Seen      Seen      // unless Mode is Eventual: the versions at which orders must be listed, if they match
	// Consumer is whose orders the filter lets through, "" where they may be several consumers'. Of one consumer the
	// Order service can be asked for what has changed lately.
	Consumer string
	// Parts are those that the orders are shown with, and History says that the timeline is shown.
	Parts   Parts
	History bool
	// Shown are the members of the documents that the orders are shown with; nil: all.
	Shown *view.Members
}

// OrderPage is a page of orders, and how fresh it is.
type OrderPage struct {
	Hits    []OrderHit
	Total   int // counts all that match: exactly so many if Exact, else at least
	Exact   bool
	More    bool // there are further hits in the page's direction
	Facets  []view.Counts
	Sums    []float64
	Partial bool // the time was over before all documents were looked at

	Source Source
	Reason Reason
	Kept   bool           // what Freshness promises holds
	Lag    *time.Duration // of what the search saw; nil where nobody knows
	// Composed are the versions of the orders that were overlaid: which of their owners told, not the view alone.
	Composed Seen
	// Approximate says that overlaid orders stand where they do by a guess, by an updatedAt that no owner tells; or that a
	// facet has more values than were asked for, and its counts may miss some of these orders.
	Approximate bool
}

// OrderHit is one order of a page and its place in the query's order.
type OrderHit struct {
	Order    *order.Order
	Source   json.RawMessage // the document that the query matched, of which Order is read
	Position view.Position
	Score    float64
}

// What a fresh list asks the owners for.
const (
	// recently is how far behind the view's own lag a consumer's changes are asked for: an owner's outbox may lag, too.
	recently = 24 * time.Hour
	// recentlyAlone is how far back, where there is no view to ask for the rest.
	recentlyAlone = 30 * 24 * time.Hour
	// endsWait is how long the question where the topics end may take, if the client's wait is no longer.
	endsWait = 100 * time.Millisecond
	// maxOverlaid is how many orders are composed for one list.
	maxOverlaid = 500
)

// list is a ListRequest on its way to its answer.
type list struct {
	*Reader
	ListRequest
	viewer view.Viewer
	begun  time.Time

	reason  Reason
	kept    bool
	overlay map[string]*order.Order // instead of the view's; nil for an order that is not to be shown
}

// SearchOrders returns a page of the viewer's orders.
//
// With AtLeast the orders that were seen are at least as new as they were seen, and so is the view as a whole where
// Freshness.Beyond says so. With Fresh the page has all that was published before the call and, where the orders are one
// consumer's, what their owners have changed since, as far as the Order service tells of it. What the view does not have
// in time is composed and overlaid: matched by the same query, and placed where it belongs.
func (r *Reader) SearchOrders(ctx context.Context, v view.Viewer, q ListRequest) (OrderPage, error) {
	if err := q.Check(r.mapping); err != nil {
		return OrderPage{}, err
	}
	if id, is := v.Is(view.RoleConsumer); is && q.Consumer == "" {
		q.Consumer = id
	} else if is && q.Consumer != id { // nothing of theirs, and nobody is asked, so that nothing tells whether there is any
		return OrderPage{Exact: true, Facets: view.NoCounts(q.Query), Sums: make([]float64, len(q.Sums)), Source: FromView,
			Reason: Satisfied, Kept: true}, nil
	}
	for again := true; ; again = false {
		index := r.horizon.progress.Index()
		page, err := r.list(ctx, v, q)
		if r.horizon.progress.Index() == index {
			return page, err
		}
		if !again && err == nil && !q.eventual() { // another index became live twice
			page.Reason, page.Kept = Weightier(page.Reason, Rebuilding), false
			if q.Freshness.OnStale == Fail {
				err = fmt.Errorf("search orders: %w", ErrStale)
			}
		}
		if !again {
			return page, err
		}
	}
}

// list makes one attempt at a page. Which index it is of, the caller sees to.
func (r *Reader) list(ctx context.Context, v view.Viewer, q ListRequest) (OrderPage, error) {
	l := &list{
		Reader: r, ListRequest: q, viewer: v, begun: time.Now(),
		reason: Satisfied, kept: true, overlay: map[string]*order.Order{},
	}
	l.freshen(ctx)
	page, err := l.search(ctx)
	if errors.Is(err, view.ErrUnavailable) && q.Consumer != "" && q.Match == nil {
		page, err = l.withoutView(ctx, err)
	}
	if err != nil {
		return OrderPage{}, fmt.Errorf("search orders: %w", err)
	}
	if !l.kept && q.Freshness.OnStale == Fail {
		return OrderPage{Source: page.Source, Reason: page.Reason, Lag: page.Lag}, fmt.Errorf("search orders: %w", ErrStale)
	}
	return page, nil
}

// eventual reports whether nothing is promised.
func (q ListRequest) eventual() bool {
	return !q.Freshness.owners() && !q.Freshness.rests() && len(q.Seen) == 0
}

// note says why the page is as fresh as it is.
func (l *list) note(why Reason) { l.reason = Weightier(l.reason, why) }

// broken says that the promise cannot be kept, and why.
func (l *list) broken(why Reason) { l.kept = false; l.note(why) }

// late is broken for want of a newer view.
func (l *list) late() { l.broken(l.horizon.standing().why(Behind)) }

// within returns a context that ends when the client's wait does.
func (l *list) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithDeadline(ctx, l.begun.Add(l.Freshness.Wait))
}

// freshen does what it takes before the search: waits, refreshes, composes.
func (l *list) freshen(ctx context.Context) {
	f := l.Freshness
	if l.horizon.standing().filling {
		l.note(Rebuilding)
	}
	young := true
	if f.MaxStaleness > 0 {
		waiting, cancel := l.within(ctx)
		young = l.horizon.young(ctx, waiting, f.MaxStaleness) == nil
		cancel()
	}
	beyond := true
	if f.Beyond != nil && f.binds() {
		waiting, cancel := l.within(ctx)
		beyond = l.horizon.reach(ctx, waiting, *f.Beyond) == nil
		cancel()
	}
	switch {
	case f.owners():
		l.fresh(ctx)
	case !young || !beyond:
		l.recent(ctx, l.recentOrders(ctx), false)
	}
	if f.binds() {
		l.seen(ctx)
	}
}

// fresh waits until searches see all that was published before the call, and asks meanwhile for what the consumer's
// owners have changed since.
func (l *list) fresh(ctx context.Context) {
	l.note(Asked)
	told := make(chan recentOrders, 1)
	go func() { told <- l.recentOrders(ctx) }() // ends with ctx, or when the owner's time is up
	waiting, cancel := l.within(ctx)
	defer cancel()
	asking, done := context.WithDeadline(ctx, l.begun.Add(max(l.Freshness.Wait, endsWait)))
	defer done()
	barrier, err := l.options.Progress.Ends(asking)
	passed := err == nil && l.horizon.reach(ctx, waiting, barrier) == nil
	l.recent(ctx, <-told, passed)
}

// recentOrders is what the Order service tells of a consumer's latest orders.
type recentOrders struct {
	orders []Composition
	err    error
}

// recentOrders asks for all that may have changed since the view was told, of one consumer's orders.
func (l *list) recentOrders(ctx context.Context) (told recentOrders) {
	if l.Consumer == "" {
		return told
	}
	var since time.Time
	if stood := l.horizon.standing(); stood.lag != nil && !stood.filling {
		since = l.begun.Add(-*stood.lag - recently)
	}
	told.orders, told.err = l.owners.RecentOrders(ctx, l.Consumer, since)
	return told
}

// recent overlays what of the consumer's orders their owners have newer than the view. Passed says that the view has all
// that it needs of what was published.
func (l *list) recent(ctx context.Context, told recentOrders, passed bool) {
	stood := l.horizon.standing()
	if l.Consumer == "" {
		if !passed {
			l.late()
		}
		return
	}
	if told.err != nil {
		l.broken(ReasonOf(told.err))
		return
	}
	if !passed {
		l.note(stood.why(Behind))
	}
	ids := make([]string, 0, len(told.orders))
	orders := make(map[string]Composition, len(told.orders))
	for _, c := range told.orders {
		if c.Order.Hidden() || l.show(l.viewer, c.Order) != nil { // others are nobody's business here
			ids = append(ids, c.Order.OrderID)
			orders[c.Order.OrderID] = c
		}
	}
	ids = append(ids, l.underWay(ctx, orders)...)
	if len(ids) > maxOverlaid {
		l.broken(Behind)
		ids = ids[:maxOverlaid]
	}
	l.compose(ctx, ids, orders)
}

// underWay returns the ids of the consumer's orders in the view that are not yet over, except these: their tickets and
// deliveries may have changed, though the order has not.
func (l *list) underWay(ctx context.Context, except map[string]Composition) []string {
	if l.needed() == PartsOf(order.AggregateOrder) {
		return nil
	}
	found, err := l.store.Search(ctx, l.viewer, view.Query{
		Filter: view.And{
			view.In{Field: consumerPath, Values: []any{l.Consumer}},
			view.Not{Filter: view.In{Field: "status", Values: statusesOver}},
		},
		Sort: newestFirst, Size: maxOverlaid,
	})
	if err != nil {
		l.broken(ViewDown)
		return nil
	}
	if found.More {
		l.broken(Behind)
	}
	var ids []string
	for _, hit := range found.Hits {
		if _, there := except[hit.ID]; !there {
			ids = append(ids, hit.ID)
		}
	}
	return ids
}

const consumerPath = "consumer.consumerId"

// statusesOver are those after which no service changes an order any more.
var statusesOver = []any{
	string(order.StatusDelivered), string(order.StatusCancelled), string(order.StatusRejected),
	string(order.StatusPaymentFailed),
}

// needed are the parts that the answer depends on: those shown, those that the query looks at, and the order itself.
func (l *list) needed() Parts {
	parts := l.Parts | PartsOf(order.AggregateOrder)
	for _, path := range l.Query.Fields() {
		first, _, _ := strings.Cut(path, ".")
		switch first {
		case "ticket":
			parts |= PartsOf(order.AggregateTicket)
		case "delivery":
			parts |= PartsOf(order.AggregateDelivery)
		case "bill":
			parts |= PartsOf(order.AggregateBill)
		case "status", "updatedAt":
			parts = AllParts
		}
	}
	return parts
}

// compose asks the owners for what is needed of these orders beside what the Order service has told, and overlays them:
// all of them, since a search may see less of one than a read by id does.
func (l *list) compose(ctx context.Context, ids []string, told map[string]Composition) {
	if len(ids) == 0 {
		return
	}
	wanted := make(map[string]Parts, len(ids))
	for _, id := range ids {
		wanted[id] = l.needed()
		if told[id].Order != nil {
			wanted[id] &^= PartsOf(order.AggregateOrder)
		}
	}
	compositions := l.owners.Compose(ctx, wanted)
	documents, err := l.store.Get(ctx, view.Support(), ids) // those that wait for their order part, too
	if err != nil {
		l.note(ViewDown)
	}
	for _, id := range ids {
		o := order.New(id)
		if d, there := documents[id]; there {
			if o, err = order.Decode(d.Source); err != nil {
				l.broken(ViewDown)
				continue
			}
		}
		before := VersionsOf(o, AllParts)
		for _, c := range []Composition{told[id], compositions[id]} {
			if c.Order == nil {
				continue
			}
			l.join(o, c.Order)
			for _, failed := range c.Failed {
				l.broken(ReasonOf(failed))
			}
		}
		if l.History && VersionsOf(o, AllParts) != before {
			l.broken(Behind) // its latest events are not in the timeline
		}
		l.lay(o)
	}
}

// lay overlays an order: with nothing, where the viewer may not see it. What is kept from them in it is left out where it is
// matched and shown.
func (l *list) lay(o *order.Order) {
	l.overlay[o.OrderID] = nil
	if !o.Hidden() && l.show(l.viewer, o) != nil {
		l.overlay[o.OrderID] = o
	}
}

// seen sees to it that the orders that the client has seen are listed no older.
func (l *list) seen(ctx context.Context) {
	if len(l.Seen) == 0 {
		return
	}
	requests := make([]Request, 0, len(l.Seen))
	for id, least := range l.Seen {
		if least == (Versions{}) {
			continue
		}
		f := l.Freshness
		f.Least, f.MaxStaleness, f.OnStale = least, 0, Serve
		f.Wait = max(0, f.Wait-time.Since(l.begun))
		requests = append(requests, Request{ID: id, Freshness: f, Parts: least.Parts() | l.needed(), History: l.History})
	}
	inView := map[string]*order.Order{}
	for i, a := range l.ReadOrders(ctx, l.viewer, requests) {
		id := requests[i].ID
		switch {
		case a.Err != nil:
			l.broken(a.Reason)
		case a.Order == nil: // unknown or foreign, which is all the same
			l.broken(a.Reason)
		default:
			if !a.Kept {
				l.broken(a.Reason)
			}
			l.note(a.Reason)
			if a.Source == FromView {
				inView[id] = a.Order
				continue
			}
			l.lay(a.Order)
		}
	}
	l.uncover(ctx, inView)
}

// uncover makes searches see these orders, which the view has.
func (l *list) uncover(ctx context.Context, orders map[string]*order.Order) {
	if len(orders) == 0 || l.horizon.delay == 0 || l.found(ctx, orders) {
		return
	}
	l.note(Waited)
	if l.horizon.refresh(ctx) == nil {
		return
	}
	for id, o := range orders {
		l.overlay[id] = o
	}
}

// found reports whether a search finds these orders at least as new as they were seen.
func (l *list) found(ctx context.Context, orders map[string]*order.Order) bool {
	ids := make([]any, 0, len(orders))
	for id := range orders {
		ids = append(ids, id)
	}
	page, err := l.store.Search(ctx, l.viewer, view.Query{Filter: view.In{Field: idPath, Values: ids}, Size: len(ids)})
	if err != nil || len(page.Hits) < len(ids) {
		return false
	}
	for _, hit := range page.Hits {
		o, err := order.Decode(hit.Source)
		if err != nil || !VersionsOf(o, AllParts).Reach(l.Seen[hit.ID]) {
			return false
		}
	}
	return true
}

// withoutView answers with what the owners tell of the consumer's orders, where the view is down.
func (l *list) withoutView(ctx context.Context, down error) (OrderPage, error) {
	told, err := l.owners.RecentOrders(ctx, l.Consumer, l.begun.Add(-recentlyAlone))
	if err != nil {
		return OrderPage{}, errors.Join(down, err)
	}
	if l.Freshness.owners() || l.Freshness.MaxStaleness > 0 || l.Freshness.Beyond != nil {
		l.kept = false // there may be older orders
	}
	l.note(ViewDown)
	ids, orders := make([]string, 0, len(told)), make(map[string]Composition, len(told))
	for _, c := range told[:min(len(told), maxOverlaid)] {
		if !c.Order.Hidden() && l.show(l.viewer, c.Order) == nil {
			continue
		}
		ids, orders[c.Order.OrderID] = append(ids, c.Order.OrderID), c
	}
	l.compose(ctx, ids, orders)
	page, err := l.match(ctx)
	if err != nil {
		return OrderPage{}, err
	}
	page.Exact = false
	return l.page(page, standing{}, FromOwners)
}

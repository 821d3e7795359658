package compose

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/order"
)

// expected asks the query of a store that has the orders at these versions.
func (w *world) expected(t testing.TB, v view.Viewer, q view.Query, orders map[string]Versions) view.Page {
	t.Helper()
	s, err := embedded.OpenMemory(w.mapping)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := fill(t.Context(), s, orders); err != nil {
		t.Fatal(err)
	}
	page, err := s.Search(t.Context(), v, q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// shown is a page as far as two may be compared.
type shown struct {
	IDs    []string
	States []string
	Total  int
	Exact  bool
	More   bool
	Facets []view.Counts
}

func shownOf(t testing.TB, p view.Page) shown {
	t.Helper()
	s := shown{Total: p.Total, Exact: p.Exact, More: p.More, Facets: p.Facets}
	for _, hit := range p.Hits {
		o, err := order.Decode(hit.Source)
		if err != nil {
			t.Fatal(err)
		}
		s.IDs, s.States = append(s.IDs, o.OrderID), append(s.States, fmt.Sprint(o.State, o.Status, o.Version))
	}
	return s
}

func shownPage(p OrderPage) shown {
	s := shown{Total: p.Total, Exact: p.Exact, More: p.More, Facets: p.Facets}
	for _, hit := range p.Hits {
		s.IDs = append(s.IDs, hit.Order.OrderID)
		s.States = append(s.States, fmt.Sprint(hit.Order.State, hit.Order.Status, hit.Order.Version))
	}
	return s
}

// genQuery generates queries.
func genQuery() *rapid.Generator[view.Query] {
	return rapid.Custom(func(t *rapid.T) view.Query {
		q := view.Query{
			Sort: []view.Sort{{
				Field:      rapid.SampledFrom([]string{"createdAt", "total", "status", view.Relevance}).Draw(t, "sort"),
				Descending: rapid.Bool().Draw(t, "descending"),
			}},
			Size: rapid.IntRange(0, 4).Draw(t, "size"),
			Filter: rapid.SampledFrom([]view.Filter{
				nil,
				view.In{Field: "state", Values: []any{"APPROVED", "CANCELLED"}},
				view.Not{Filter: view.In{Field: "status", Values: []any{"PREPARING"}}},
				view.In{Field: "ticket.state", Values: []any{"ACCEPTED", "PREPARING"}},
				view.Range{Field: "total", GTE: 11.0},
			}).Draw(t, "filter"),
			Match: rapid.SampledFrom([]view.Filter{
				nil, view.Words{Text: "vindaloo"}, view.Words{Text: "cafe"}, view.Words{Text: "vindalo", Loose: view.Typos},
				view.And{view.Words{Text: "byron"}, view.Words{Text: "sal", Prefix: true}},
			}).Draw(t, "match"),
			Facets: []view.Facet{{Field: "status", Size: 20}},
		}
		q.Backward = rapid.Bool().Draw(t, "backward")
		return q
	})
}

var genVersions = rapid.Custom(func(t *rapid.T) Versions {
	return Versions{
		Order:  view.Version(rapid.IntRange(1, 6).Draw(t, "order")),
		Ticket: view.Version(rapid.IntRange(0, 3).Draw(t, "ticket")),
	}
})

func older(t *rapid.T, v Versions, label string) Versions {
	return Versions{
		Order:  view.Version(rapid.IntRange(0, int(v.Order)).Draw(t, label+" order")),
		Ticket: view.Version(rapid.IntRange(0, int(v.Ticket)).Draw(t, label+" ticket")),
	}
}

// TestListsAreAsFreshAsPromised: whatever the view has, and whatever its searches see of that, a fresh list of one
// consumer's orders is what the owners' orders would give, and a list at least as new as what was seen is what the view
// with those orders would give; with exact totals and facets, whichever page of whichever order it is.
func TestListsAreAsFreshAsPromised(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[1-9]{1,3}`), 1, 8, rapid.ID).Draw(rt, "ids")
		for _, id := range ids {
			owners := genVersions.Draw(rt, "owners")
			inView := older(rt, owners, "view")
			w.has(id, owners, inView, older(rt, inView, "searched"))
		}
		q := genQuery().Draw(rt, "query")
		viewer := view.As(view.RoleConsumer, "7")
		request := ListRequest{Query: q, Parts: AllParts}

		request.Freshness = Freshness{Mode: Fresh}
		reader := w.reader(t, behind())
		got, err := reader.SearchOrders(t.Context(), viewer, request)
		if err != nil {
			rt.Fatal(err)
		}
		want := shownOf(t, w.expected(t, viewer, q, w.owners))
		if diff := cmp.Diff(want, shownPage(got)); diff != "" {
			rt.Fatalf("fresh (-want +got):\n%s", diff)
		}
		if !got.Kept {
			rt.Fatalf("fresh, but not kept: %+v", got)
		}

		request.Freshness = Freshness{Mode: AtLeast}
		request.Seen = Seen{}
		for _, id := range ids {
			if consumerOf(id) == "7" && rapid.Bool().Draw(rt, "seen "+id) {
				request.Seen[id] = older(rt, w.owners[id], "seen")
			}
		}
		floor := maps.Clone(w.seen)
		got, err = reader.SearchOrders(t.Context(), viewer, request)
		if err != nil {
			rt.Fatal(err)
		}
		if !got.Kept {
			rt.Fatalf("at least, but not kept: %+v", got)
		}
		for _, hit := range got.Hits {
			id := hit.Order.OrderID
			if v := VersionsOf(hit.Order, AllParts); !v.Reach(request.Seen[id]) || !v.Reach(floor[id]) {
				rt.Fatalf("order %s at %v, though seen at %v and in the view at %v", id, v, request.Seen[id], floor[id])
			}
		}
		// What it shows is one state of each order, and the page is what the query makes of these: so the orders that are
		// not shown are not forgotten either. Which state, of those between floor and owners, the page's own orders tell.
		if whole := q; q.Size > 0 {
			whole.Size, whole.Backward = 100, false
			request.Query = whole
			all, err := reader.SearchOrders(t.Context(), viewer, request)
			if err != nil {
				rt.Fatal(err)
			}
			if all.Total != len(all.Hits) {
				rt.Fatalf("a total of %d of %d orders", all.Total, len(all.Hits))
			}
		}
	})
}

func TestListSources(t *testing.T) {
	viewer := view.As(view.RoleConsumer, "7")
	old, latest := Versions{Order: 1, Ticket: 1}, Versions{Order: 2, Ticket: 2}
	for _, test := range []struct {
		name      string
		viewer    view.Viewer
		fresh     Freshness
		seen      Seen
		parts     Parts
		match     view.Filter
		progress  *fakeProgress
		owners    Versions // of order 1
		inView    Versions
		searched  Versions
		broken    string
		down      bool
		stuck     bool
		want      OrderPage // Source, Reason, Kept
		shows     Versions
		calls     string
		refreshes int
		err       error
	}{
		{name: "eventual", owners: latest, inView: old, searched: old, progress: behind(), shows: old,
			want: OrderPage{Source: FromView, Reason: Satisfied, Kept: true}},
		{name: "eventual, filling", owners: latest, inView: old, searched: old, shows: old,
			progress: &fakeProgress{filling: true},
			want:     OrderPage{Source: FromView, Reason: Rebuilding, Kept: true}},

		{name: "at least, satisfied", fresh: Freshness{Mode: AtLeast}, seen: Seen{"1": latest}, owners: latest,
			inView: latest, searched: latest, progress: behind(), shows: latest,
			want: OrderPage{Source: FromView, Reason: Satisfied, Kept: true}},
		{name: "at least, not yet searched", fresh: Freshness{Mode: AtLeast}, seen: Seen{"1": latest}, owners: latest,
			inView: latest, searched: old, progress: behind(), shows: latest, refreshes: 1,
			want: OrderPage{Source: FromView, Reason: Waited, Kept: true}},
		{name: "at least, not to be searched", fresh: Freshness{Mode: AtLeast}, seen: Seen{"1": latest}, owners: latest,
			inView: latest, searched: old, stuck: true, progress: behind(), shows: latest, refreshes: 1,
			want: OrderPage{Source: FromBoth, Reason: Waited, Kept: true}},
		{name: "at least, composed", fresh: Freshness{Mode: AtLeast}, seen: Seen{"1": latest}, owners: latest,
			inView: old, searched: old, progress: behind(), shows: latest, calls: "orders 1 tickets 1",
			want: OrderPage{Source: FromBoth, Reason: Behind, Kept: true}},
		{name: "at least, composed in part", fresh: Freshness{Mode: AtLeast}, seen: Seen{"1": {Ticket: 2}}, owners: latest,
			inView: old, searched: old, progress: behind(), shows: Versions{Order: 1, Ticket: 2}, calls: "tickets 1",
			want: OrderPage{Source: FromBoth, Reason: Behind, Kept: true}},
		{name: "at least, owner down", fresh: Freshness{Mode: AtLeast}, seen: Seen{"1": latest}, owners: latest,
			inView: old, searched: old, broken: "tickets", progress: behind(), shows: Versions{Order: 2, Ticket: 1},
			calls: "orders 1 tickets 1", want: OrderPage{Source: FromBoth, Reason: OwnerDown}},
		{name: "at least, owner down, strict", fresh: Freshness{Mode: AtLeast, OnStale: Fail}, seen: Seen{"1": latest},
			owners: latest, inView: old, searched: old, broken: "tickets", progress: behind(),
			calls: "orders 1 tickets 1", err: ErrStale},
		{name: "at least, of an order that is not theirs", fresh: Freshness{Mode: AtLeast}, seen: Seen{"3": latest},
			owners: latest, inView: old, searched: old, progress: behind(), shows: old, calls: "orders 1 tickets 1",
			want: OrderPage{Source: FromView, Reason: Missing}},

		{name: "beyond, reached", fresh: Freshness{Mode: AtLeast, Beyond: &feed.Positions{topic: 9}}, owners: latest,
			inView: latest, searched: old, progress: abreast(), shows: latest, refreshes: 1,
			want: OrderPage{Source: FromView, Reason: Satisfied, Kept: true}},
		{name: "beyond, not reached", fresh: Freshness{Mode: AtLeast, Beyond: &feed.Positions{topic: 9}}, owners: latest,
			inView: old, searched: old, progress: behind(), shows: latest, calls: "orders 1 tickets 1",
			want: OrderPage{Source: FromBoth, Reason: Behind, Kept: true}},
		{name: "beyond, of everybody, not reached", viewer: view.Support(), owners: latest, inView: old, searched: old,
			fresh: Freshness{Mode: AtLeast, Beyond: &feed.Positions{topic: 9}}, progress: behind(), shows: old,
			want: OrderPage{Source: FromView, Reason: Behind}},

		{name: "fresh, of everybody", viewer: view.Support(), fresh: Freshness{Mode: Fresh}, owners: latest, inView: latest,
			searched: old, progress: abreast(), shows: latest, refreshes: 1,
			want: OrderPage{Source: FromView, Reason: Asked, Kept: true}},
		{name: "fresh, of everybody, behind", viewer: view.Support(), fresh: Freshness{Mode: Fresh}, owners: latest,
			inView: old, searched: old, progress: behind(), shows: old,
			want: OrderPage{Source: FromView, Reason: Behind}},
		{name: "fresh, of everybody, behind, strict", viewer: view.Support(), fresh: Freshness{Mode: Fresh, OnStale: Fail},
			owners: latest, inView: old, searched: old, progress: behind(), err: ErrStale},
		{name: "fresh, of everybody, nobody knows", viewer: view.Support(), fresh: Freshness{Mode: Fresh}, owners: latest,
			inView: old, searched: old, shows: old, want: OrderPage{Source: FromView, Reason: Behind}},
		{name: "fresh, ahead of what is published", fresh: Freshness{Mode: Fresh}, owners: latest, inView: old, searched: old,
			progress: abreast(), shows: latest, calls: "orders 1 tickets 1", refreshes: 1,
			want: OrderPage{Source: FromBoth, Reason: Asked, Kept: true}},
		{name: "fresh, no ticket selected", fresh: Freshness{Mode: Fresh}, parts: PartsOf(order.AggregateOrder), owners: latest,
			inView: old, searched: old, progress: behind(), shows: Versions{Order: 2, Ticket: 1}, calls: "orders 1",
			want: OrderPage{Source: FromBoth, Reason: Behind, Kept: true}},
		{name: "fresh, not in the view", fresh: Freshness{Mode: Fresh}, owners: latest, progress: behind(), shows: latest,
			calls: "orders 1 tickets 1", want: OrderPage{Source: FromBoth, Reason: Behind, Kept: true}},
		{name: "fresh, owner down", fresh: Freshness{Mode: Fresh}, owners: latest, inView: old, searched: old, broken: "orders",
			progress: abreast(), shows: old, calls: "orders 1", refreshes: 1,
			want: OrderPage{Source: FromView, Reason: OwnerDown}},
		{name: "fresh, optional owner down", fresh: Freshness{Mode: Fresh}, owners: latest, inView: old, searched: old,
			broken: "tickets", progress: abreast(), shows: Versions{Order: 2, Ticket: 1}, calls: "orders 1 tickets 1",
			refreshes: 1, want: OrderPage{Source: FromBoth, Reason: OwnerDown}},

		{name: "young enough", fresh: Freshness{Mode: Fresh, MaxStaleness: 2 * time.Minute}, owners: latest, inView: latest,
			searched: old, progress: abreast(), shows: old, want: OrderPage{Source: FromView, Reason: Satisfied, Kept: true}},
		{name: "young enough once refreshed", fresh: Freshness{MaxStaleness: 30 * time.Second}, owners: latest,
			inView: latest, searched: old, progress: abreast(), shows: latest, refreshes: 1,
			want: OrderPage{Source: FromView, Reason: Satisfied, Kept: true}},
		{name: "too old", fresh: Freshness{MaxStaleness: time.Second}, owners: latest, inView: old, searched: old,
			progress: behind(), shows: latest, calls: "orders 1 tickets 1",
			want: OrderPage{Source: FromBoth, Reason: Behind, Kept: true}},
		{name: "too old, of everybody", viewer: view.Support(), fresh: Freshness{MaxStaleness: time.Second}, owners: latest,
			inView: old, searched: old, progress: behind(), shows: old, want: OrderPage{Source: FromView, Reason: Behind}},

		{name: "view down", owners: latest, down: true, progress: behind(), shows: latest, calls: "orders 1 tickets 1",
			want: OrderPage{Source: FromOwners, Reason: ViewDown, Kept: true}},
		{name: "view down, fresh", fresh: Freshness{Mode: Fresh}, owners: latest, down: true, progress: behind(), shows: latest,
			calls: "orders 2 tickets 2", want: OrderPage{Source: FromOwners, Reason: ViewDown}},
		{name: "view down, words", owners: latest, down: true, match: view.Words{Text: "byron"}, progress: behind(),
			err: view.ErrUnavailable},
		{name: "view down, of everybody", viewer: view.Support(), owners: latest, down: true, progress: behind(),
			err: view.ErrUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.has("1", test.owners, test.inView, test.searched)
			w.has("3", latest, old, old) // somebody else's
			w.broken = test.broken
			if test.down {
				w.down = view.ErrUnavailable
			}
			if test.stuck {
				w.stuck = view.ErrUnavailable
			}
			q := ListRequest{Query: view.Query{Sort: newestFirst, Size: 10, Match: test.match}, Freshness: test.fresh,
				Seen: test.seen, Parts: AllParts}
			if test.parts != 0 {
				q.Parts = test.parts
			}
			asks := viewer
			if test.viewer != (view.Viewer{}) {
				asks = test.viewer
			}
			var progress Progress
			if test.progress != nil {
				progress = test.progress
			}
			page, err := w.reader(t, progress).SearchOrders(t.Context(), asks, q)
			if !errors.Is(err, test.err) || err != nil && test.err == nil {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			var calls []string
			for _, collection := range []string{"orders", "tickets"} {
				if n := w.calls[collection]; n > 0 {
					calls = append(calls, fmt.Sprint(collection, " ", n))
				}
			}
			if got := strings.Join(calls, " "); got != test.calls || w.refreshes != test.refreshes {
				t.Errorf("calls %q, %d refreshes; want %q, %d", got, w.refreshes, test.calls, test.refreshes)
			}
			if err != nil {
				return
			}
			got := OrderPage{Source: page.Source, Reason: page.Reason, Kept: page.Kept}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			i := slices.IndexFunc(page.Hits, func(h OrderHit) bool { return h.Order.OrderID == "1" })
			if i < 0 {
				t.Fatalf("order 1 is not listed: %+v", page)
			}
			if v := VersionsOf(page.Hits[i].Order, AllParts); v != test.shows {
				t.Errorf("order 1 is shown at %v, want %v", v, test.shows)
			}
			if composed, overlaid := page.Composed["1"]; overlaid != (page.Source != FromView) {
				t.Errorf("composed at %v in a page from %s", composed, page.Source)
			}
		})
	}
}

// TestFreshPageCalls: a fresh page asks each owner once for all its orders, and not those of whom nothing is shown.
func TestFreshPageCalls(t *testing.T) {
	for _, test := range []struct {
		name  string
		parts Parts
		query view.Query
		calls map[string]int
	}{
		{"all parts", AllParts, view.Query{}, map[string]int{"orders": 1, "tickets": 1, "deliveries": 1, "bills": 1}},
		{"no ticket", PartsOf(order.AggregateOrder, order.AggregateBill), view.Query{},
			map[string]int{"orders": 1, "bills": 1}},
		{"a ticket to filter by", PartsOf(order.AggregateOrder),
			view.Query{Filter: view.In{Field: "ticket.state", Values: []any{"ACCEPTED"}}},
			map[string]int{"orders": 1, "tickets": 1}},
		{"a status to order by", PartsOf(order.AggregateOrder), view.Query{Sort: []view.Sort{{Field: "status"}}},
			map[string]int{"orders": 1, "tickets": 1, "deliveries": 1, "bills": 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			for i := range 50 {
				v := Versions{Order: 2, Ticket: 2}
				w.has(fmt.Sprint(i+100), v, Versions{Order: 1, Ticket: 1}, Versions{Order: 1})
			}
			test.query.Size = 50
			page, err := w.reader(t, behind()).SearchOrders(t.Context(), view.As(view.RoleConsumer, "7"), ListRequest{
				Query: test.query, Freshness: Freshness{Mode: Fresh}, Parts: test.parts,
			})
			if err != nil || !page.Kept || len(page.Hits) == 0 {
				t.Fatalf("%+v, %v", page, err)
			}
			if diff := cmp.Diff(test.calls, w.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

package graph

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// What the owners say of order 1, which is ahead of newOrder(1) by a version each.
const (
	ownersOrder = `{"orderId":1,"version":3,"state":"CANCEL_PENDING","orderTotal":"1.50","consumerId":7,
		"consumerName":"Ada Byron","restaurantId":1,"restaurantName":"Ajanta","createdAt":"2026-03-01T11:08:00Z"}`
	ownersTicket   = `{"ticketId":1,"version":4,"state":"READY_FOR_PICKUP"}`
	ownersDelivery = `{"deliveryInfo":{"id":1,"state":"PICKED_UP"},"version":3,"assignedCourier":12}`
	ownersBill     = `{"orderId":1,"version":2,"state":"REVISED","amount":"1.50"}`
)

func (g *gateway) ownsOrder1() {
	g.owns("orders", ownersOrder)
	g.owns("tickets", ownersTicket)
	g.owns("deliveries", ownersDelivery)
	g.owns("bills", ownersBill)
}

func TestOrderFreshness(t *testing.T) {
	token := func(seen compose.Seen) string {
		text, err := testKey.Sign(compose.Read{Seen: seen})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	lag := 250
	versions := func(all ...any) []seenVersion {
		list := []seenVersion{}
		for i := 0; i < len(all); i += 2 {
			list = append(list, seenVersion{all[i].(order.Aggregate), "1", view.Version(all[i+1].(int))})
		}
		return list
	}
	text := func(s string) *string { return &s }
	for _, test := range []struct {
		name, freshness, selection string
		want                       map[string]any
		told                       told
		calls                      string
	}{
		{
			"eventual", `{}`, `state ticket { state version }`,
			map[string]any{"state": "APPROVED", "ticket": map[string]any{"state": "PREPARING", "version": 3.0}},
			told{Source: "VIEW", Reason: "satisfied", Kept: true, Versions: versions(order.AggregateOrder, 2, order.AggregateTicket, 3),
				Token: text(token(compose.Seen{"1": {Order: 2, Ticket: 3}}))}, "",
		},
		{
			"only the id", `{}`, `orderId`, map[string]any{"orderId": "1"},
			told{Source: "VIEW", Reason: "satisfied", Kept: true, Versions: versions()}, "",
		},
		{
			"fresh", `{mode: FRESH}`, `state consumer { name }`,
			map[string]any{"state": "CANCEL_PENDING", "consumer": map[string]any{"name": "Ada Byron"}},
			told{Source: "OWNERS", Reason: "fresh", Kept: true, Versions: versions(order.AggregateOrder, 3),
				Token: text(token(compose.Seen{"1": {Order: 3}}))}, "orders",
		},
		{
			"fresh status needs all", `{mode: FRESH}`, `status`, map[string]any{"status": "ON_THE_WAY"},
			told{Source: "OWNERS", Reason: "fresh", Kept: true,
				Versions: versions(order.AggregateOrder, 3, order.AggregateTicket, 4, order.AggregateDelivery, 3, order.AggregateBill, 2),
				Token:    text(token(compose.Seen{"1": {Order: 3, Ticket: 4, Delivery: 3, Bill: 2}}))}, "bills deliveries orders tickets",
		},
		{
			"fresh through a fragment and an alias", `{mode: FRESH}`, `...f`, map[string]any{"b": map[string]any{"state": "REVISED"}},
			told{Source: "OWNERS", Reason: "fresh", Kept: true, Versions: versions(order.AggregateBill, 2),
				Token: text(token(compose.Seen{"1": {Bill: 2}}))}, "bills",
		},
		{
			"skipped", `{mode: FRESH}`, `state ticket @skip(if: true) { state }`, map[string]any{"state": "CANCEL_PENDING"},
			told{Source: "OWNERS", Reason: "fresh", Kept: true, Versions: versions(order.AggregateOrder, 3),
				Token: text(token(compose.Seen{"1": {Order: 3}}))}, "orders",
		},
		{
			"timeline lags", `{mode: FRESH}`, `timeline { version }`,
			map[string]any{"timeline": []any{map[string]any{"version": 1.0}, map[string]any{"version": 2.0}}},
			told{Source: "OWNERS", Reason: "behind", Kept: false,
				Versions: versions(order.AggregateOrder, 3, order.AggregateTicket, 4, order.AggregateDelivery, 3, order.AggregateBill, 2),
				Token:    text(token(compose.Seen{"1": {Order: 3, Ticket: 4, Delivery: 3, Bill: 2}}))}, "bills deliveries orders tickets",
		},
		{
			"at least what a command answered",
			`{mode: AT_LEAST, waitMs: 0, seen: [{aggregate: ORDER, id: "1", version: "3"}, {aggregate: BILL, id: "2", version: 9}]}`,
			`state bill { version }`, map[string]any{"state": "CANCEL_PENDING", "bill": map[string]any{"version": 1.0}},
			told{Source: "MIXED", Reason: "behind", Kept: true, Versions: versions(order.AggregateOrder, 3, order.AggregateBill, 1),
				Parts: []partNote{
					{Aggregate: order.AggregateOrder, ID: "1", Source: compose.FromOwners},
					{Aggregate: order.AggregateBill, ID: "1", Source: compose.FromView},
				},
				Token: text(token(compose.Seen{"1": {Order: 3, Bill: 1}}))}, "orders",
		},
		{
			"at least a token, which is handed on", `{mode: AT_LEAST, waitMs: 0, token: "` +
				token(compose.Seen{"1": {Ticket: 4}, "99": {Order: 5}}) + `"}`,
			`ticket { state }`, map[string]any{"ticket": map[string]any{"state": "READY_FOR_PICKUP"}},
			told{Source: "OWNERS", Reason: "behind", Kept: true, Versions: versions(order.AggregateTicket, 4),
				Token: text(token(compose.Seen{"1": {Ticket: 4}, "99": {Order: 5}}))}, "tickets",
		},
		{
			"at least what the view has",
			`{mode: AT_LEAST, seen: [{aggregate: TICKET, id: "` + globalID(orderType, "1") + `", version: 3}]}`,
			`ticket { state }`, map[string]any{"ticket": map[string]any{"state": "PREPARING"}},
			told{Source: "VIEW", Reason: "satisfied", Kept: true, Versions: versions(order.AggregateTicket, 3),
				Token: text(token(compose.Seen{"1": {Ticket: 3}}))}, "",
		},
		{
			"out of reach", `{mode: AT_LEAST, waitMs: 0, seen: [{aggregate: TICKET, id: "1", version: "18446744073709551615"}]}`,
			`ticket { state }`, map[string]any{"ticket": map[string]any{"state": "READY_FOR_PICKUP"}},
			told{Source: "OWNERS", Reason: "behind", Kept: false, Versions: versions(order.AggregateTicket, 4),
				Token: text(token(compose.Seen{"1": {Ticket: 4}}))}, "tickets",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGateway(t, ada, newOrders(1))
			g.ownsOrder1()
			query := `{ o: order(id: "1", freshness: ` + test.freshness + `) { ` + test.selection + ` } }`
			if strings.Contains(test.selection, "...f") {
				query += ` fragment f on Order { b: bill { state } }`
			}
			a := g.mustAsk(t, query)
			if diff := cmp.Diff(test.want, a.at("o")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			test.told.Path, test.told.LagMs = []any{"o"}, &lag
			if test.told.Source == compose.FromOwners { // then every part is
				for _, v := range test.told.Versions {
					test.told.Parts = append(test.told.Parts, partNote{Aggregate: v.Aggregate, ID: v.ID, Source: test.told.Source})
				}
			}
			if diff := cmp.Diff([]told{test.told}, a.Extensions.Freshness); diff != "" {
				t.Errorf("extensions.freshness (-want +got):\n%s", diff)
			}
			var called []string
			for _, collection := range []string{"bills", "deliveries", "orders", "tickets"} {
				if n := g.calls[collection].Load(); n == 1 {
					called = append(called, collection)
				} else if n > 1 {
					t.Errorf("%d calls for %s", n, collection)
				}
			}
			if got := strings.Join(called, " "); got != test.calls {
				t.Errorf("called %q, want %q", got, test.calls)
			}
		})
	}
}

func TestFreshnessRefusals(t *testing.T) {
	foreign, _ := compose.RandomTokenKey().Sign(compose.Read{Seen: compose.Seen{"1": {Order: 1}}})
	var many []string
	for range 101 {
		many = append(many, `{aggregate: ORDER, id: "1", version: 1}`)
	}
	for _, test := range []struct{ name, freshness, code, message string }{
		{"foreign token", `{mode: AT_LEAST, token: "` + foreign + `"}`, "BAD_USER_INPUT", "not a token of this gateway"},
		{"foreign token, eventual", `{token: "` + foreign + `"}`, "BAD_USER_INPUT", "not a token of this gateway"},
		{"damaged token", `{mode: AT_LEAST, token: "x"}`, "BAD_USER_INPUT", "not a token"},
		{"negative wait", `{waitMs: -1}`, "BAD_USER_INPUT", "0 to 5000"},
		{"long wait", `{waitMs: 5001}`, "BAD_USER_INPUT", "0 to 5000"},
		{"negative version", `{seen: [{aggregate: ORDER, id: "1", version: -1}]}`, "BAD_USER_INPUT", "is not a Version"},
		{"garbage version", `{seen: [{aggregate: ORDER, id: "1", version: "3x"}]}`, "BAD_USER_INPUT", "is not a Version"},
		{"fraction", `{seen: [{aggregate: ORDER, id: "1", version: 1.5}]}`, "BAD_USER_INPUT", "is not a Version"},
		{"too much seen", `{seen: [` + strings.Join(many, ",") + `]}`, "BAD_USER_INPUT", "101 versions; 100"},
		{"stale", `{mode: AT_LEAST, waitMs: 0, onStale: ERROR, seen: [{aggregate: ORDER, id: "1", version: 9}]}`, "STALE_VIEW",
			"older than asked"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGateway(t, ada, newOrders(1))
			a := g.ask(t, `{ order(id: "1", freshness: `+test.freshness+`) { state } }`)
			if len(a.Errors) != 1 || a.codes()[0] != test.code || !strings.Contains(a.Errors[0].Message, test.message) {
				t.Errorf("errors %+v, want one %s that says %q", a.Errors, test.code, test.message)
			}
			if a.at("order") != nil {
				t.Errorf("answered %v", a.Data)
			}
		})
	}
	g := newGateway(t, ada, newOrders(1))
	a := g.ask(t, `query ($f: Freshness) { order(id: "1", freshness: $f) { state } }`, map[string]any{
		"f": map[string]any{"seen": []any{map[string]any{"aggregate": "order", "id": "1", "version": 1}}},
	})
	if len(a.Errors) != 1 || a.codes()[0] != "BAD_USER_INPUT" {
		t.Errorf("an aggregate in small letters: %+v", a)
	}
	for name, value := range map[string]string{"mode": "fresh", "onStale": "error"} {
		a = g.ask(t, `query ($f: Freshness) { order(id: "1", freshness: $f) { state } }`, map[string]any{
			"f": map[string]any{name: value},
		})
		if len(a.Errors) != 1 || a.codes()[0] != "BAD_USER_INPUT" {
			t.Errorf("%s in small letters: %+v", name, a)
		}
	}
}

// A failing optional owner nulls its branch only, with an error there; where the view has something, that is shown.
func TestOwnerDown(t *testing.T) {
	bare := newOrder(1)
	bare.Ticket, bare.Parts[order.AggregateTicket] = nil, nil
	const query = `{ order(id: "1", freshness: {mode: FRESH}) { state kitchen: ticket { state } delivery { state } } }`
	t.Run("the view has nothing", func(t *testing.T) {
		g := newGateway(t, ada, []*order.Order{bare})
		g.ownsOrder1()
		g.breaks("tickets")
		a := g.ask(t, query)
		want := map[string]any{"state": "CANCEL_PENDING", "kitchen": nil, "delivery": map[string]any{"state": "PICKED_UP"}}
		if diff := cmp.Diff(want, a.at("order")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if len(a.Errors) != 1 || !cmp.Equal(a.Errors[0].Path, []any{"order", "kitchen"}) || len(a.Errors[0].Locations) != 1 ||
			a.codes()[0] != "UPSTREAM_UNAVAILABLE" || a.Errors[0].Message != "the kitchen service cannot be asked now" {
			t.Errorf("errors %+v", a.Errors)
		}
		if f := a.Extensions.Freshness; len(f) != 1 || f[0].Reason != "owner down" || f[0].Kept {
			t.Errorf("extensions.freshness %+v", f)
		}
		if !strings.Contains(g.log.String(), "500") {
			t.Errorf("the log does not say why: %s", g.log)
		}
	})
	t.Run("the view has it", func(t *testing.T) {
		g := newGateway(t, ada, newOrders(1))
		g.ownsOrder1()
		g.breaks("tickets")
		a := g.mustAsk(t, query)
		if a.at("order", "kitchen", "state") != "PREPARING" {
			t.Errorf("the view's ticket is not shown: %v", a.Data)
		}
		parts := []partNote{
			{Aggregate: order.AggregateOrder, ID: "1", Source: compose.FromOwners},
			{Aggregate: order.AggregateTicket, ID: "1", Source: compose.FromView, Failed: compose.OwnerDown},
			{Aggregate: order.AggregateDelivery, ID: "1", Source: compose.FromOwners},
		}
		if diff := cmp.Diff(parts, a.Extensions.Freshness[0].Parts); diff != "" {
			t.Errorf("parts (-want +got):\n%s", diff)
		}
		if f := a.Extensions.Freshness; len(f) != 1 || f[0].Source != "MIXED" || f[0].Reason != "owner down" || f[0].Kept {
			t.Errorf("extensions.freshness %+v", f)
		}
	})
	t.Run("in a list of nodes", func(t *testing.T) {
		degraded := newOrder(1)
		degraded.Ticket = nil
		degraded.Part(order.AggregateTicket).Degrade(4, "lost")
		g := newGateway(t, ada, []*order.Order{degraded, newOrder(2)})
		g.breaks("tickets")
		a := g.ask(t, `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Order { orderId ticket { state } } } }`,
			map[string]any{"ids": []string{globalID(orderType, "2"), globalID(orderType, "1")}})
		if len(a.Errors) != 1 || !cmp.Equal(a.Errors[0].Path, []any{"nodes", 1.0, "ticket"}) {
			t.Errorf("errors %+v", a.Errors)
		}
		if a.at("nodes", 0, "ticket", "state") != "PREPARING" || a.at("nodes", 1, "orderId") != "1" {
			t.Errorf("data %v", a.Data)
		}
	})
	t.Run("the order's own", func(t *testing.T) {
		g := newGateway(t, ada, nil)
		g.breaks("orders")
		a := g.ask(t, query)
		if len(a.Errors) != 1 || !cmp.Equal(a.Errors[0].Path, []any{"order"}) || a.codes()[0] != "UPSTREAM_UNAVAILABLE" {
			t.Errorf("errors %+v", a.Errors)
		}
	})
}

func TestViewDown(t *testing.T) {
	g := newGateway(t, ada, newOrders(1))
	g.ownsOrder1()
	g.store.err = fmt.Errorf("%w: connection refused by es-7.internal", view.ErrUnavailable)
	a := g.ask(t, `{ order(id: "1") { state } orderHistory(query: "vindaloo") { total { count } } }`)
	if a.Data != nil || len(a.Errors) == 0 {
		t.Errorf("data %v and no error, though nobody but the view finds words", a.Data)
	}
	for _, e := range a.Errors {
		if e.Extensions["code"] != "UPSTREAM_UNAVAILABLE" || strings.Contains(e.Message, "es-7") {
			t.Errorf("error %+v", e)
		}
	}
	a = g.mustAsk(t, `{ order(id: "1") { state } }`)
	f := a.Extensions.Freshness
	if a.at("order", "state") != "CANCEL_PENDING" || f[0].Source != "OWNERS" || f[0].Reason != "view down" {
		t.Errorf("not composed: %v, %+v", a.Data, f)
	}
	a = g.mustAsk(t, `{ orderHistory { nodes { orderId state } total { count precision } } }`)
	want := map[string]any{
		"nodes": []any{map[string]any{"orderId": "1", "state": "CANCEL_PENDING"}},
		"total": map[string]any{"count": 1.0, "precision": "AT_LEAST"},
	}
	if diff := cmp.Diff(want, a.at("orderHistory")); diff != "" {
		t.Errorf("a consumer's own orders (-want +got):\n%s", diff)
	}
	if f := a.Extensions.Freshness; f[0].Source != "OWNERS" || f[0].Reason != "view down" {
		t.Errorf("not told where it came from: %+v", f)
	}
}

func TestIDs(t *testing.T) {
	g := newGateway(t, ada, newOrders(1))
	for _, test := range []struct {
		id   string
		want any
	}{
		{"1", "1"}, {globalID(orderType, "1"), "1"}, {"2", nil}, {globalID(orderType, "2"), nil}, {"", nil}, {"Order:1", nil},
		{globalID(consumerType, "1"), nil}, {globalID("Courier", "1"), nil}, {"1 ", nil}, {"\x00", nil},
		{strings.Repeat("1", 129), nil}, {strings.Repeat("A", 9000), nil}, {globalID(orderType, ""), nil}, {globalID(orderType, strings.Repeat("1", 129)), nil},
	} {
		a := g.mustAsk(t, `query ($id: ID!) { order(id: $id) { orderId } node(id: $id) { id } }`, map[string]any{"id": test.id})
		if got := a.at("order", "orderId"); got != test.want {
			t.Errorf("order %.40q is %v, want %v", test.id, got, test.want)
		}
		if isNode := a.at("node") != nil; isNode != (test.want != nil && test.id != "1") {
			t.Errorf("node %.40q is %v", test.id, a.at("node"))
		}
	}
	a := g.mustAsk(t, `{ order(id: "1") { id consumer { id } restaurant { id } } byNumber: order(id: 1) { orderId } }`)
	want := map[string]any{
		"order": map[string]any{"id": globalID(orderType, "1"), "consumer": map[string]any{"id": globalID(consumerType, "7")},
			"restaurant": map[string]any{"id": globalID(restaurantType, "1")}},
		"byNumber": map[string]any{"orderId": "1"},
	}
	if diff := cmp.Diff(want, a.Data); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNodes(t *testing.T) {
	g := newGateway(t, view.Support(), newOrders(50))
	g.owns("consumers", `{"consumerId":9,"name":{"firstName":"Grace","lastName":"Hopper"}}`)
	var list []string
	for i := range 50 {
		list = append(list, globalID(orderType, fmt.Sprint(50-i)))
	}
	const query = `query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Order { total { amount } }
		... on Consumer { name } ... on Restaurant { name } } }`
	a := g.mustAsk(t, query, map[string]any{"ids": list})
	for i, id := range list {
		if a.at("nodes", i, "id") != id {
			t.Fatalf("node %d is %v", i, a.at("nodes", i))
		}
	}
	f := a.Extensions.Freshness
	if len(f) != 1 || len(f[0].Versions) != 50 || f[0].Token != nil {
		t.Errorf("of 50 orders there should be versions, and no token, which names 32: %+v", f)
	}

	a = g.ask(t, query, map[string]any{"ids": []string{
		"nonsense", globalID(orderType, "404"), globalID(consumerType, "7"), globalID(consumerType, "9"),
		globalID(restaurantType, "1"), globalID(orderType, "3"),
	}})
	want := []any{
		nil, nil,
		map[string]any{"__typename": "Consumer", "id": globalID(consumerType, "7"), "name": "Ada Byron"},
		map[string]any{"__typename": "Consumer", "id": globalID(consumerType, "9"), "name": "Grace Hopper"},
		nil,
		map[string]any{"__typename": "Order", "id": globalID(orderType, "3"), "total": map[string]any{"amount": "3.50"}},
	}
	if diff := cmp.Diff(want, a.at("nodes")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(a.Errors) != 0 {
		t.Errorf("errors %+v", a.Errors)
	}

	a = g.ask(t, query, map[string]any{"ids": make([]string, 101)})
	if len(a.Errors) != 1 || a.codes()[0] != "BAD_USER_INPUT" {
		t.Errorf("101 ids: %+v", a.Errors)
	}
}

// Whatever fields of one operation ask for is read from the view once. Within a bubble a batch waits for all fields to
// begin, which otherwise depends on how busy the machine is. (No two fields want the very same: the loader then has one
// wait with a lock held, which a bubble does not count as waiting.)
func TestLoadsAreBatched(t *testing.T) {
	g := newGateway(t, ada, newOrders(50))
	var list []string
	for i := range 50 {
		list = append(list, globalID(orderType, fmt.Sprint(i+1)))
	}
	synctest.Test(t, func(t *testing.T) {
		g.mustAsk(t, `query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Order { total { amount } } }
			a: order(id: "1") { status } b: order(id: "1") { ticket { state } } c: order(id: "2") { bill { state } } }`,
			map[string]any{"ids": list})
	})
	if n := g.store.gets.Load(); n != 1 {
		t.Errorf("%d reads of the view for 53 orders", n)
	}
}

// Fields of one operation may want the same order as fresh as each likes.
func TestFreshnessPerField(t *testing.T) {
	g := newGateway(t, ada, newOrders(3))
	g.owns("tickets", `{"ticketId":1,"version":4,"state":"READY_FOR_PICKUP"},{"ticketId":2,"version":9,"state":"CANCELLED"}`)
	a := g.mustAsk(t, `{ a: order(id: "1") { state } b: order(id: "1") { state } c: order(id: "2") { ticket { state } }
		d: order(id: "1", freshness: {mode: FRESH}) { ticket { state } }
		e: order(id: "2", freshness: {mode: FRESH}) { ticket { version } } }`)
	want := map[string]any{
		"a": map[string]any{"state": "APPROVED"}, "b": map[string]any{"state": "APPROVED"},
		"c": map[string]any{"ticket": map[string]any{"state": "PREPARING"}},
		"d": map[string]any{"ticket": map[string]any{"state": "READY_FOR_PICKUP"}},
		"e": map[string]any{"ticket": map[string]any{"version": 9.0}},
	}
	if diff := cmp.Diff(want, a.Data); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var paths []string
	for _, f := range a.Extensions.Freshness {
		paths = append(paths, fmt.Sprint(f.Path...))
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e"}, paths); diff != "" {
		t.Errorf("extensions.freshness (-want +got):\n%s", diff)
	}
}

func TestConsumer(t *testing.T) {
	g := newGateway(t, view.Support(), newOrders(3))
	a := g.mustAsk(t, `{ consumer(id: "7") { consumerId name
		orderHistory(first: 2, filter: {total: {lt: "3"}}) { nodes { orderId } total { count } } } }`)
	want := map[string]any{"consumerId": "7", "name": "Ada Byron", "orderHistory": map[string]any{
		"nodes": []any{map[string]any{"orderId": "2"}, map[string]any{"orderId": "1"}}, "total": map[string]any{"count": 2.0}}}
	if diff := cmp.Diff(want, a.at("consumer")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	token := "" // of the list's orders
	for _, f := range a.Extensions.Freshness {
		if len(f.Path) == 2 && f.Token != nil {
			token = *f.Token
		}
	}
	seen, err := testKey.Open(token)
	shown := compose.Versions{Order: 2, Ticket: 3, Delivery: 2, Bill: 1}
	if diff := cmp.Diff(compose.Seen{"1": shown, "2": shown}, seen.Seen); err != nil || diff != "" {
		t.Errorf("the list's token: %v (-want +got):\n%s", err, diff)
	}
	// Below an order, too.
	a = g.mustAsk(t, `{ order(id: "3") { consumer { orderHistory(last: 1) { nodes { orderId } } } } }`)
	if got := ids(a, "order", "consumer", "orderHistory"); got != "1" {
		t.Errorf("the first order ever is %q", got)
	}
}

func TestWaitsForTheView(t *testing.T) {
	g := newGateway(t, ada, newOrders(1))
	newer := newOrder(1)
	newer.State = order.CancelPending
	newer.Part(order.AggregateOrder).Version = 3
	g.store.onGet = func(n int32) {
		if n != 2 { // the gateway has looked once in vain
			return
		}
		documents, _ := g.store.Store.Get(t.Context(), view.Support(), []string{"1"})
		source, _ := newer.Encode()
		g.store.Apply(t.Context(), []view.Write{{ID: "1", Revision: documents["1"].Revision, Source: source}})
	}
	a := g.mustAsk(t, `{ order(id: "1", freshness: {mode: AT_LEAST, waitMs: 5000,
		seen: [{aggregate: ORDER, id: "1", version: 3}]}) { state } }`)
	want := told{Source: "VIEW", Reason: "waited", Kept: true}
	ignored := cmpopts.IgnoreFields(told{}, "Path", "LagMs", "Versions", "Token")
	state := a.at("order", "state")
	if diff := cmp.Diff([]told{want}, a.Extensions.Freshness, ignored); diff != "" || state != "CANCEL_PENDING" {
		t.Errorf("state %v (-want +got):\n%s", state, diff)
	}
}

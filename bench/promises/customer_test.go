package promises

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/example/ftgo"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/wire"
)

// shown is an order as an answer shows it.
type shown struct {
	OrderID  string
	Version  view.Version
	State    string
	Status   string
	Ticket   *part
	Delivery *part
	Bill     *part
}

type part struct {
	Version view.Version
	State   string
}

const fields = ` orderId version state status ticket { version state } delivery { version state } bill { version state } `

// parts returns the shown parts, by aggregate.
func (s shown) parts() map[order.Aggregate]part {
	parts := map[order.Aggregate]part{order.AggregateOrder: {s.Version, s.State}}
	for a, p := range map[order.Aggregate]*part{
		order.AggregateTicket: s.Ticket, order.AggregateDelivery: s.Delivery, order.AggregateBill: s.Bill,
	} {
		if p != nil {
			parts[a] = *p
		}
	}
	return parts
}

func (s shown) versions() (v compose.Versions) {
	for a, p := range s.parts() {
		v.Raise(a, p.Version)
	}
	return v
}

// answer is an answer of the gateway's.
type answer struct {
	Data struct {
		Order        *shown
		OrderHistory struct {
			Nodes []shown
			Total struct{ Count int }
		}
	}
	Errors []struct {
		Message    string
		Extensions struct{ Code string }
	}
	Extensions struct {
		Freshness []struct {
			Source compose.Source
			Reason compose.Reason
			Kept   bool
			LagMs  *int
			Token  *string
		}
	}
}

// customer places orders, changes them and looks at them. It is one goroutine's.
type customer struct {
	*world
	*rand.Rand
	seen   *book
	orders []string          // of its own
	whose  map[string]string // the consumer of each
	shown  map[string]compose.Versions
	token  *string
}

// book is what all customers have seen, to be compared with the log.
type book struct {
	mu       sync.Mutex // guards what follows
	answers  []shown
	lists    []list
	outcomes map[string]int // by what was asked, source and reason
	stale    int            // answers that say that the promise is not kept
}

// list is a fresh list of everybody's orders and the places in the log that it must have.
type list struct {
	began, ended map[place]int64
	total        int
	nodes        []shown
}

func (w *world) newCustomer(seed uint64, b *book) *customer {
	return &customer{world: w, Rand: rand.New(rand.NewPCG(seed, 7)), seen: b, shown: map[string]compose.Versions{}, whose: map[string]string{}}
}

// write does one thing to some order, and returns which and what version of what it made.
func (c *customer) write() (id string, made compose.Versions) {
	for {
		if len(c.orders) == 0 || c.IntN(5) < 2 {
			return c.place()
		}
		id = c.orders[c.IntN(len(c.orders))]
		var receipt struct{ Version view.Version }
		post := func(s ftgo.Service, path string, body any) bool {
			return c.call(s, "POST", "/"+path, body, &receipt)
		}
		switch c.IntN(7) {
		case 0:
			if post(ftgo.OrderService, "orders/"+id+"/cancel", nil) {
				return id, compose.Versions{Order: receipt.Version}
			}
		case 1:
			if post(ftgo.OrderService, "orders/"+id+"/revise", map[string]any{
				"revisedOrderLineItems": []any{map[string]any{"menuItemId": "1", "quantity": 1 + c.IntN(5)}},
			}) {
				return id, compose.Versions{Order: receipt.Version}
			}
		case 2, 3:
			if post(ftgo.KitchenService, "tickets/"+id+"/accept", map[string]any{"readyBy": time.Now().Add(time.Hour)}) {
				return id, compose.Versions{Ticket: receipt.Version}
			}
		case 4:
			step := []string{"preparing", "ready", "pickup"}[c.IntN(3)]
			if post(ftgo.KitchenService, "tickets/"+id+"/"+step, nil) {
				return id, compose.Versions{Ticket: receipt.Version}
			}
		case 5:
			if post(ftgo.DeliveryService, "deliveries/"+id+"/location",
				map[string]any{"latitude": 37.8 + c.Float64(), "longitude": -122.2}) {
				return id, compose.Versions{Delivery: receipt.Version}
			}
		case 6:
			step := []string{"pickup", "delivered"}[c.IntN(2)]
			if post(ftgo.DeliveryService, "deliveries/"+id+"/"+step, nil) {
				return id, compose.Versions{Delivery: receipt.Version}
			}
		}
		if c.IntN(4) == 0 { // it does not allow much, or its saga is not done
			return c.place()
		}
	}
}

// consumers is how many there are: few orders each, so that a page holds them all.
const consumers = 500

func (c *customer) place() (id string, made compose.Versions) {
	var receipt struct {
		OrderID wire.ID
		Version view.Version
	}
	consumer := 1 + c.IntN(consumers)
	if !c.call(ftgo.OrderService, "POST", "/orders", map[string]any{
		"consumerId": consumer, "restaurantId": 1 + c.IntN(3),
		"deliveryAddress": map[string]any{"street1": "9 Amazing View", "city": "Oakland", "state": "CA", "zip": "94612"},
		"lineItems":       []any{map[string]any{"menuItemId": "1", "quantity": 1 + c.IntN(3)}},
	}, &receipt) {
		c.Error("an order was refused")
		return "0", compose.Versions{}
	}
	c.orders = append(c.orders, string(receipt.OrderID))
	c.whose[string(receipt.OrderID)] = fmt.Sprint(consumer)
	return string(receipt.OrderID), compose.Versions{Order: receipt.Version}
}

// owned returns the versions that orders have at their owners.
func (c *customer) owned(ids ...string) map[string]compose.Versions {
	versions := map[string]compose.Versions{}
	if len(ids) == 0 {
		return versions
	}
	query := "?id=" + strings.Join(ids, "&id=")
	for a, at := range map[order.Aggregate]struct {
		service    ftgo.Service
		collection string
	}{
		order.AggregateOrder:    {ftgo.OrderService, "/orders"},
		order.AggregateTicket:   {ftgo.KitchenService, "/tickets"},
		order.AggregateDelivery: {ftgo.DeliveryService, "/deliveries"},
		order.AggregateBill:     {ftgo.AccountingService, "/bills"},
	} {
		var all []struct {
			OrderID, TicketID wire.ID
			DeliveryInfo      struct{ ID wire.ID }
			Version           view.Version
		}
		c.call(at.service, "GET", at.collection+query, nil, &all)
		for _, one := range all {
			id := string(cmp.Or(one.OrderID, one.TicketID, one.DeliveryInfo.ID))
			v := versions[id]
			v.Raise(a, one.Version)
			versions[id] = v
		}
	}
	return versions
}

// ordersOf returns all of a consumer's orders, as the Order service has them.
func (c *customer) ordersOf(consumer string) (ids []string) {
	var all []struct{ OrderID wire.ID }
	c.call(ftgo.OrderService, "GET", "/orders?consumerId="+consumer, nil, &all)
	for _, o := range all {
		ids = append(ids, string(o.OrderID))
	}
	return ids
}

// read looks at what was written, in some way, and checks what can be checked at once.
func (c *customer) read(id string, made compose.Versions) {
	wait := []int{0, 20, 200}[c.IntN(3)]
	switch n := c.IntN(20); {
	case n < 7:
		c.readOwn(id, made, wait)
	case n < 10:
		before := c.owned(id)[id]
		c.order("fresh", id, map[string]any{"mode": "FRESH"}, before)
	case n < 12:
		c.readAgain(wait)
	case n < 13:
		c.order("eventual", id, nil, compose.Versions{})
	case n < 16:
		c.listOwn(id, made, wait)
	case n < 19:
		c.listFresh(id, wait)
	default:
		c.listAll(wait)
	}
}

func seenOf(id string, v compose.Versions) []map[string]any {
	seen := []map[string]any{}
	for _, a := range order.Aggregates {
		if v.Of(a) > 0 {
			seen = append(seen, map[string]any{"aggregate": a, "id": id, "version": strconv.FormatUint(uint64(v.Of(a)), 10)})
		}
	}
	return seen
}

func (c *customer) readOwn(id string, made compose.Versions, wait int) {
	c.order("at least", id, map[string]any{"mode": "AT_LEAST", "seen": seenOf(id, made), "waitMs": wait}, made)
}

// readAgain looks at an order of which it was shown something, with the token of all that it was shown last.
func (c *customer) readAgain(wait int) {
	if c.token == nil || len(c.shown) == 0 {
		return
	}
	ids := slices.Sorted(maps.Keys(c.shown))
	id := ids[c.IntN(len(ids))]
	c.order("token", id, map[string]any{"mode": "AT_LEAST", "token": *c.token, "waitMs": wait}, c.shown[id])
}

// order reads an order, which must be at least as new as least where the answer says that it kept its promise.
func (c *customer) order(how, id string, freshness map[string]any, least compose.Versions) {
	var a answer
	c.ask(`query ($id: ID!, $f: Freshness) { order(id: $id, freshness: $f) {`+fields+`} }`,
		map[string]any{"id": id, "f": freshness}, &a)
	if !c.told(how, a) {
		return
	}
	f := a.Extensions.Freshness[0]
	o := a.Data.Order
	if o == nil {
		if least != (compose.Versions{}) && f.Kept {
			c.Errorf("%s: order %s is not there, %+v; it must be at %v", how, id, f, least)
		}
		return
	}
	if !o.versions().Reach(least) && f.Kept {
		c.Errorf("%s: order %s at %v, %+v; it must be at %v", how, id, o.versions(), f, least)
	}
	c.remember(f.Token, *o)
}

// told checks that an answer says how fresh it is, and counts it.
func (c *customer) told(how string, a answer) bool {
	if len(a.Errors) > 0 || len(a.Extensions.Freshness) != 1 {
		c.Errorf("%s: errors %v, %d notes on freshness", how, a.Errors, len(a.Extensions.Freshness))
		return false
	}
	f := a.Extensions.Freshness[0]
	c.seen.mu.Lock()
	defer c.seen.mu.Unlock()
	c.seen.outcomes[fmt.Sprintf("%-12s %-7s %s", how, f.Source, f.Reason)]++
	if !f.Kept {
		c.seen.stale++
	}
	if !f.Kept && how != "list, all" {
		// The owners always answer here, so that there is no excuse, but where there is nobody to ask: for all orders.
		c.Errorf("%s: not kept: %+v", how, f)
	}
	return true
}

// remember keeps what was shown: in the customer's mind, as far as the token does, and in the book.
func (c *customer) remember(token *string, orders ...shown) {
	if token != nil && c.IntN(2) == 0 && len(orders) <= 32 {
		c.token, c.shown = token, map[string]compose.Versions{}
		for _, o := range orders {
			c.shown[o.OrderID] = o.versions()
		}
	}
	c.seen.mu.Lock()
	defer c.seen.mu.Unlock()
	c.seen.answers = append(c.seen.answers, orders...)
}

const listQuery = `query ($c: ID, $f: Freshness) { orderHistory(consumerId: $c, first: 100, freshness: $f) {
	nodes {` + fields + `} total { count } } }`

// listOwn lists a consumer's orders after a write to one of them, which must be there as it was written.
func (c *customer) listOwn(id string, made compose.Versions, wait int) {
	consumer := c.whose[id]
	var a answer
	c.ask(listQuery, map[string]any{"c": consumer, "f": map[string]any{
		"mode": "AT_LEAST", "seen": seenOf(id, made), "waitMs": wait,
	}}, &a)
	if !c.told("list, at least", a) {
		return
	}
	f, nodes := a.Extensions.Freshness[0], a.Data.OrderHistory.Nodes
	i := slices.IndexFunc(nodes, func(o shown) bool { return o.OrderID == id })
	switch {
	case !f.Kept:
	case i < 0:
		c.Errorf("order %s is not listed, %+v; it must be at %v", id, f, made)
	case !nodes[i].versions().Reach(made):
		c.Errorf("order %s is listed at %v, %+v; it must be at %v", id, nodes[i].versions(), f, made)
	case a.Data.OrderHistory.Total.Count != len(nodes):
		c.Errorf("a total of %d, and %d orders, %+v", a.Data.OrderHistory.Total.Count, len(nodes), f)
	}
	c.remember(f.Token, nodes...)
}

// listFresh lists a consumer's orders as they are at their owners.
func (c *customer) listFresh(id string, wait int) {
	consumer := c.whose[id]
	before := c.ordersOf(consumer)
	owned := c.owned(before...)
	var a answer
	c.ask(listQuery, map[string]any{"c": consumer, "f": map[string]any{"mode": "FRESH", "waitMs": wait}}, &a)
	if !c.told("list, fresh", a) {
		return
	}
	f, nodes := a.Extensions.Freshness[0], a.Data.OrderHistory.Nodes
	after := c.ordersOf(consumer)
	if f.Kept {
		listed := map[string]shown{}
		for _, o := range nodes {
			listed[o.OrderID] = o
		}
		for id, must := range owned {
			if o, there := listed[id]; !there || !o.versions().Reach(must) {
				c.Errorf("fresh list of %s, %+v: order %s at %v, must be at %v", consumer, f, id, o.versions(), must)
			}
		}
		if total := a.Data.OrderHistory.Total.Count; total < len(before) || total > len(after) {
			c.Errorf("fresh list of %s, %+v: a total of %d, not %d to %d", consumer, f, total, len(before), len(after))
		}
	}
	c.remember(f.Token, nodes...)
}

// listAll lists everybody's newest orders, as the log has them.
func (c *customer) listAll(wait int) {
	l := list{began: c.ends()}
	var a answer
	c.ask(listQuery, map[string]any{"f": map[string]any{"mode": "FRESH", "waitMs": wait}}, &a)
	if !c.told("list, all", a) {
		return
	}
	l.ended, l.nodes, l.total = c.ends(), a.Data.OrderHistory.Nodes, a.Data.OrderHistory.Total.Count
	c.remember(a.Extensions.Freshness[0].Token, l.nodes...)
	if a.Extensions.Freshness[0].Kept {
		c.seen.mu.Lock()
		defer c.seen.mu.Unlock()
		c.seen.lists = append(c.seen.lists, l)
	}
}

package graph

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// TestSecrets: what a viewer may not see changes nothing that they are told, whatever they ask and however. Two gateways, whose
// view and owners differ in all of it and in nothing else, answer with the same bytes and ask for as much.
func TestSecrets(t *testing.T) {
	for _, viewer := range []view.Viewer{ada, view.As(view.RoleRestaurant, "1"), view.Anybody(), {}} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(viewer, " ", seed), func(t *testing.T) {
				w := newWorlds(t, viewer, rand.New(rand.NewPCG(seed, 5)))
				rapid.Check(t, w.ask)
			})
		}
	}
}

// worlds are two gateways that a viewer cannot tell apart.
type worlds struct {
	viewer     view.Viewer
	one, other *gateway
	support    *gateway // of the first, for somebody who sees all
	tokens     []string // of orders, some of others
	cursors    []string
}

// owned is what the owners have: another state of an order than the view, perhaps.
type owned map[string]*order.Order

func newWorlds(t *testing.T, viewer view.Viewer, r *rand.Rand) *worlds {
	t.Helper()
	var here, there []*order.Order
	owners, others := owned{}, owned{}
	for n := 1; n <= 24; n++ {
		o := randomOrder(n, r)
		atOwner := advanced(o, r)
		here, owners[o.OrderID] = append(here, o), atOwner
		if mine(viewer, o) {
			o, atOwner = withSecrets(viewer, o, r), withSecrets(viewer, atOwner, r)
			if !ended(o.Status) { // the viewer sees all of it in the view
				o = here[len(here)-1]
			}
			there, others[o.OrderID] = append(there, o), atOwner
			continue
		}
		if r.IntN(2) == 0 {
			continue // it is not there at all
		}
		for o = randomOrder(n, r); mine(viewer, o); {
			o = randomOrder(n, r)
		}
		there = append(there, o)
		if r.IntN(2) == 0 {
			others[o.OrderID] = advanced(o, r)
		}
	}
	w := &worlds{
		viewer: viewer, one: newGateway(t, viewer, here), other: newGateway(t, viewer, there),
		support: newGateway(t, view.Support(), here),
	}
	w.one.serves(owners)
	w.support.serves(owners)
	w.other.serves(others)
	w.tokens = append(w.tokens, "none")
	for _, o := range here[:8] {
		token, err := testKey.Sign(compose.Read{Seen: compose.Seen{o.OrderID: compose.VersionsOf(o, compose.AllParts)}})
		if err != nil {
			t.Fatal(err)
		}
		w.tokens = append(w.tokens, token)
	}
	for _, g := range []*gateway{w.support, w.one} {
		a := g.mustAsk(t, `{ orderHistory(first: 5) { edges { cursor } } }`)
		edges, _ := a.at("orderHistory", "edges").([]any)
		for i := range edges {
			w.cursors = append(w.cursors, fmt.Sprint(a.at("orderHistory", "edges", i, "cursor")))
		}
	}
	w.cursors = append(w.cursors, "nonsense")
	return w
}

func mine(v view.Viewer, o *order.Order) bool {
	consumer, isConsumer := v.Is(view.RoleConsumer)
	restaurant, isStaff := v.Is(view.RoleRestaurant)
	return isConsumer && o.Consumer.ConsumerID == consumer || isStaff && o.Restaurant.RestaurantID == restaurant
}

func ended(s order.Status) bool {
	return slices.Contains([]order.Status{
		order.StatusDelivered, order.StatusCancelled, order.StatusRejected, order.StatusPaymentFailed}, s)
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func randomOrder(n int, r *rand.Rand) *order.Order {
	o := newOrder(n)
	o.Consumer = pick(r, &order.Consumer{ConsumerID: "7", Name: "Ada Byron"}, &order.Consumer{ConsumerID: "8", Name: "Grace Hopper"})
	o.Restaurant = pick(r, &order.Restaurant{RestaurantID: "1", Name: "Ajanta"}, &order.Restaurant{RestaurantID: "2", Name: "Viks"})
	o.LineItems[0].Name = pick(r, "Chicken Vindaloo", "Lamb Korma", "Main Thali", "Oakland Roll")
	o.State = pick(r, order.Approved, order.Approved, order.Approved, order.Rejected, order.Cancelled, order.CancelPending)
	o.Ticket.State = pick(r, order.TicketAccepted, order.TicketPreparing, order.TicketPickedUp)
	o.Delivery.State = pick(r, order.DeliveryScheduled, order.DeliveryPickedUp, order.DeliveryDelivered)
	move(o, r)
	o.Derive()
	return o
}

// move gives an order another address, and its courier another place.
func move(o *order.Order, r *rand.Rand) {
	o.DeliveryAddress = pick(r, nil,
		&order.Address{Street1: fmt.Sprint(r.IntN(90), " Main Street"), City: "Oakland", State: "CA", Zip: "94612"},
		&order.Address{Street1: "1 Vindaloo Way", City: pick(r, "Berkeley", "Emeryville"), State: "CA", Zip: "94608"})
	o.Delivery.Location = pick(r, nil, &order.Location{Latitude: r.Float64(), Longitude: r.Float64()})
}

// clone copies an order.
func clone(o *order.Order) *order.Order {
	source, err := o.Encode()
	if err != nil {
		panic(err)
	}
	if o, err = order.Decode(source); err != nil {
		panic(err)
	}
	return o
}

// advanced returns an order as its owners have it: as the view does, or a step further.
func advanced(o *order.Order, r *rand.Rand) *order.Order {
	o = clone(o)
	if r.IntN(2) == 0 {
		o.Delivery.State = order.DeliveryDelivered
		o.Part(order.AggregateDelivery).Version++
		o.Derive()
	}
	return o
}

// withSecrets returns an order that differs in what is kept from the viewer, if anything is.
func withSecrets(v view.Viewer, o *order.Order, r *rand.Rand) *order.Order {
	o = clone(o)
	if _, staff := v.Is(view.RoleRestaurant); staff && ended(o.Status) {
		move(o, r)
	}
	return o
}

// serves makes the gateway's owners answer what they have.
func (g *gateway) serves(all owned) {
	type object = map[string]any
	serve := func(collection string, element func(*order.Order) object) {
		g.answer[collection] = func(w http.ResponseWriter, r *http.Request) {
			elements := []object{}
			for n := 1; n <= len(all)+24; n++ {
				o := all[fmt.Sprint(n)]
				if o != nil && (slices.Contains(r.URL.Query()["id"], o.OrderID) || r.FormValue("consumerId") == o.Consumer.ConsumerID) {
					elements = append(elements, element(o))
				}
			}
			json.NewEncoder(w).Encode(elements)
		}
	}
	serve("orders", func(o *order.Order) object {
		return object{
			"orderId": o.OrderID, "version": o.Version, "state": o.State, "orderTotal": o.Total.Amount,
			"consumerId": o.Consumer.ConsumerID, "consumerName": o.Consumer.Name, "restaurantId": o.Restaurant.RestaurantID,
			"restaurantName": o.Restaurant.Name, "deliveryAddress": o.DeliveryAddress, "createdAt": o.CreatedAt.Format(time.RFC3339),
		}
	})
	serve("tickets", func(o *order.Order) object {
		return object{"ticketId": o.OrderID, "version": o.Ticket.Version, "state": o.Ticket.State}
	})
	serve("deliveries", func(o *order.Order) object {
		return object{"deliveryInfo": object{"id": o.OrderID, "state": o.Delivery.State}, "version": o.Delivery.Version,
			"location": o.Delivery.Location}
	})
	serve("bills", func(o *order.Order) object {
		return object{"orderId": o.OrderID, "version": o.Bill.Version, "state": o.Bill.State, "amount": o.Bill.Amount.Amount}
	})
	g.answer["consumers"] = func(w http.ResponseWriter, r *http.Request) {
		elements := []object{}
		for id, name := range map[string]string{"7": "Ada", "8": "Grace"} {
			if slices.Contains(r.URL.Query()["id"], id) {
				elements = append(elements, object{"consumerId": id, "name": object{"firstName": name, "lastName": "X"}})
			}
		}
		json.NewEncoder(w).Encode(elements)
	}
}

// whole is all that there is to see of an order, but its consumer's orders.
const whole = `fragment whole on Order { id orderId version state status updatedAt createdAt total { amount }
	consumer { id consumerId name } restaurant { restaurantId name } lineItems { name } deliveryAddress { street1 street2 city state zip }
	ticket { state version } delivery { state version location { latitude longitude } } bill { state } timeline { type at version } }`

// ask asks both the same, and compares.
func (w *worlds) ask(t *rapid.T) {
	text := func(of ...string) string { return rapid.SampledFrom(of).Draw(t, "text") }
	id := func() string { return fmt.Sprint(rapid.IntRange(1, 26).Draw(t, "id")) }
	freshness := fmt.Sprintf(`{mode: %s, waitMs: 0, onStale: %s, token: %q}`, text("EVENTUAL", "EVENTUAL", "FRESH", "AT_LEAST"),
		text("SERVE", "ERROR"), rapid.SampledFrom(w.tokens).Draw(t, "token"))
	if strings.Contains(freshness, `"none"`) || strings.Contains(freshness, "EVENTUAL") || strings.Contains(freshness, "FRESH") {
		freshness = strings.NewReplacer("AT_LEAST", "EVENTUAL").Replace(freshness)
		freshness = freshness[:strings.Index(freshness, ", token")] + "}"
	}
	const list = `{ total { count precision } edges { cursor score highlights { field fragment } node { ...whole } } pageInfo { hasNextPage }
		didYouMean facets { status { values { value count } } state { values { value count } } city { values { value count } others }
		restaurant { values { value count } } consumer { values { value count } } dish { values { value count } } } }`
	words := text("", "vindaloo", "main", "oakland", "city:oakland", "-city:oakland", "street1:main", "city:*", "NOT city:*", "status:delivered",
		"status:delivered city:oakland", "city:oakland OR dish:korma", "zip:94608", "vindalo", "oaklnd", "berkely", "ada", "grace", "emery*",
		`"main street"`, "restaurant:viks", "consumer:grace")
	filter := text(`{}`, `{city: {eq: "Oakland"}}`, `{not: {city: {eq: "Oakland"}}}`, `{city: {exists: false}}`, `{status: {in: [DELIVERED]}}`,
		`{consumerId: {eq: "8"}}`, `{restaurantId: {eq: "2"}}`, `{or: [{city: {eq: "Berkeley"}}, {status: {eq: ON_THE_WAY}}]}`,
		`{and: [{city: {eq: "Oakland"}}, {status: {in: [DELIVERED, CANCELLED]}}]}`)
	page := text("first: 3", "last: 3", "first: 100", fmt.Sprintf("first: 2, after: %q", rapid.SampledFrom(w.cursors).Draw(t, "cursor")))
	by := text(`{field: CREATED_AT, direction: DESC}`, `{field: TOTAL, direction: ASC}`, `{field: STATUS, direction: ASC}`)
	arguments := fmt.Sprintf("query: %q, filter: %s, %s, freshness: %s", words, filter, page, freshness)
	if !strings.Contains(page, "after") {
		arguments += ", orderBy: [" + by + "]"
	}
	var query string
	switch rapid.IntRange(0, 8).Draw(t, "ask") {
	case 0:
		query = fmt.Sprintf(`{ order(id: %q, freshness: %s) { ...whole } }`, id(), freshness)
	case 1:
		query = fmt.Sprintf(`{ nodes(ids: [%q, %q, %q]) { id ...whole ... on Consumer { name } } }`,
			globalID(orderType, id()), globalID(orderType, id()), globalID(consumerType, text("7", "8", "9")))
	case 2:
		query = fmt.Sprintf(`{ consumer(id: %q, freshness: %s) { consumerId name summary { orders { count } spent { amount }
			restaurants { values { value count } } lastOrder { ...whole } } orderHistory(%s) %s } }`, text("7", "8", "9"), freshness, arguments, list)
	case 3:
		query = fmt.Sprintf(`{ suggest(prefix: %q) { text kind } orderHistory(first: 1) { nodes { ...whole } } }`,
			text("oak", "main", "ber", "vik", "gra", "ada", "chi", "emery"))
	case 4:
		query = fmt.Sprintf(`{ order(id: %q) { ...whole consumer { summary { orders { count } spent { amount } lastOrder { orderId } }
			orderHistory(first: 5, query: %q) %s } } }`, id(), words, list)
	case 5:
		query = fmt.Sprintf(`{ _entities(representations: [{__typename: "Order", orderId: %q}, {__typename: "Order", orderId: %q},
			{__typename: "Consumer", consumerId: %q}]) { ...whole ... on Consumer { name } } }`, id(), id(), text("7", "8", "9"))
	default:
		query = fmt.Sprintf(`{ orderHistory(%s) %s }`, arguments, list)
	}
	query += whole
	one, askedOne := w.one.told(query)
	other, askedOther := w.other.told(query)
	for range 10 { // how loads fall into batches is chance; what depends on secrets would differ each time
		if one != other || maps.Equal(askedOne, askedOther) {
			break
		}
		one, askedOne = w.one.told(query)
		other, askedOther = w.other.told(query)
	}
	if strings.Contains(one, `"BAD_USER_INPUT"`) && !strings.Contains(query, "after:") {
		t.Fatalf("%s\nis not possible: %s", query, one)
	}
	if diff := cmp.Diff(one, other); diff != "" {
		t.Fatalf("%s\nis answered (-one +other):\n%s", query, diff)
	}
	if diff := cmp.Diff(askedOne, askedOther); diff != "" {
		t.Fatalf("%s\nasks the view and the owners (-one +other):\n%s", query, diff)
	}
	var decoded any
	if err := json.Unmarshal([]byte(one), &decoded); err != nil {
		t.Fatal(err)
	}
	w.check(t, decoded)
}

// check looks for what the viewer must not be shown.
func (w *worlds) check(t *rapid.T, value any) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			w.check(t, element)
		}
	case map[string]any:
		for _, element := range value {
			w.check(t, element)
		}
		if value["timeline"] == nil {
			return // it is no order
		}
		o := order.New("x")
		o.Consumer = &order.Consumer{ConsumerID: fmt.Sprint(value["consumer"].(map[string]any)["consumerId"])}
		o.Restaurant = &order.Restaurant{RestaurantID: fmt.Sprint(value["restaurant"].(map[string]any)["restaurantId"])}
		if !mine(w.viewer, o) {
			t.Fatalf("a foreign order is shown: %v", value)
		}
		delivery, _ := value["delivery"].(map[string]any)
		_, staff := w.viewer.Is(view.RoleRestaurant)
		if staff && ended(order.Status(fmt.Sprint(value["status"]))) && (value["deliveryAddress"] != nil || delivery["location"] != nil) {
			t.Fatalf("staff is shown where an order went: %v", value)
		}
	}
}

// told returns the answer to a query, and how often the view and each owner were asked for it.
func (g *gateway) told(query string) (string, map[string]int32) {
	before := g.asked()
	body, err := json.Marshal(map[string]any{"query": query})
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	asked := g.asked()
	for what := range asked {
		asked[what] -= before[what]
	}
	return w.Body.String(), asked
}

func (g *gateway) asked() map[string]int32 {
	asked := map[string]int32{"get": g.store.gets.Load(), "search": g.store.searches.Load()}
	for collection, n := range g.calls {
		asked[collection] = n.Load()
	}
	return asked
}

// A subscription shows a restaurant's staff where an order goes until it has come to its end.
func TestSecretsOfSubscriptions(t *testing.T) {
	l := newLive(t, view.As(view.RoleRestaurant, "1"), newOrders(1))
	c := l.dial(t)
	c.subscribe("a", `subscription { orderChanged(id: "1") { status deliveryAddress { city } } }`)
	c.subscribe("b", `subscription { ordersChanged(query: "city:oakland") { status deliveryAddress { city } } }`)
	shown := map[string][]string{}
	take := func(n int) {
		for range n {
			var m received
			if err := json.Unmarshal([]byte(c.read()), &m); err != nil {
				t.Fatal(err)
			}
			var a answered
			if err := json.Unmarshal(m.Payload, &a); err != nil {
				t.Fatal(err)
			}
			for _, field := range []string{"orderChanged", "ordersChanged"} {
				if a.Data[field] != nil {
					shown[m.ID] = append(shown[m.ID], fmt.Sprint(a.at(field, "status"), " ", a.at(field, "deliveryAddress", "city"), " ",
						a.Extensions.Matches == nil || *a.Extensions.Matches))
				}
			}
		}
	}
	take(2)
	o := at(1, 3, order.Approved)
	o.Delivery.State = order.DeliveryDelivered
	o.Part(order.AggregateDelivery).Version = 3
	l.write(t, o)
	take(2)
	want := map[string][]string{
		"a": {"PREPARING Oakland true", "DELIVERED <nil> true"},
		"b": {"PREPARING Oakland true", "DELIVERED <nil> false"},
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
}

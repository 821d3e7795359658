package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// someOrder draws an order with an order part and, as it happens, the others, at versions that are its events'.
func someOrder(t *rapid.T, id string) *order.Order {
	o := order.New(id)
	version := func(a order.Aggregate) {
		o.Part(a).Version = view.Version(rapid.IntRange(1, 9).Draw(t, "version"))
	}
	moment := func(label string) *time.Time {
		if rapid.Bool().Draw(t, "no "+label) {
			return nil
		}
		at := noon.Add(time.Duration(rapid.IntRange(0, 3600).Draw(t, label)) * time.Second)
		return &at
	}
	amount := func(label string) order.Money {
		return order.Money{
			Amount:   fmt.Sprintf("%d.%02d", rapid.IntRange(0, 99).Draw(t, label), rapid.IntRange(0, 99).Draw(t, label)),
			Currency: order.Currency,
		}
	}
	total := amount("total")
	o.Details = order.Details{
		State:     rapid.SampledFrom([]order.State{order.Approved, order.Rejected, order.Cancelled}).Draw(t, "state"),
		CreatedAt: noon, DeliveryTime: moment("delivery time"), Total: &total,
		Consumer:   &order.Consumer{ConsumerID: rapid.SampledFrom([]string{"7", "8", "9"}).Draw(t, "consumer"), Name: "Example Consumer"},
		Restaurant: &order.Restaurant{RestaurantID: "1", Name: "Ajanta"},
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "lines") {
		o.LineItems = append(o.LineItems, order.LineItem{
			MenuItemID: fmt.Sprint(i), Name: "Naan", Quantity: rapid.IntRange(1, 5).Draw(t, "quantity"), Price: amount("price"), Total: amount("line"),
		})
	}
	if rapid.Bool().Draw(t, "address") {
		o.DeliveryAddress = &order.Address{Street1: "9 Amazing View", City: "Oakland", State: "CA", Zip: "94612"}
	}
	version(order.AggregateOrder)
	if rapid.Bool().Draw(t, "ticket") {
		o.Ticket = &order.Ticket{
			State:   rapid.SampledFrom([]order.TicketState{order.TicketAccepted, order.TicketPreparing}).Draw(t, "ticket state"),
			ReadyBy: moment("ready by"), AcceptTime: moment("accepted"), PickedUpTime: moment("picked up"),
		}
		version(order.AggregateTicket)
	}
	if rapid.Bool().Draw(t, "delivery") {
		o.Delivery = &order.Delivery{State: order.DeliveryScheduled, CourierID: "5", EstimatedDeliveryTime: moment("estimate")}
		if rapid.Bool().Draw(t, "location") {
			o.Delivery.Location = &order.Location{Latitude: 37.8, Longitude: -122.25}
		}
		version(order.AggregateDelivery)
	}
	if rapid.Bool().Draw(t, "bill") {
		owed := amount("bill")
		o.Bill = &order.Bill{State: order.BillAuthorized, Amount: &owed}
		version(order.AggregateBill)
	}
	return o
}

// answered is what owners answered of an order.
type answered struct {
	*order.Order
	failed map[string]error
}

// answerOf returns what owners answer who have these parts.
func answerOf(o *order.Order) answered {
	answer := copyOf(o)
	answer.Timeline = nil
	for a, p := range answer.Parts {
		if p.Version == 0 {
			delete(answer.Parts, a)
			continue
		}
		*p = view.Part{Version: p.Version, Origin: view.FromOwner}
	}
	return answered{answer, map[string]error{}}
}

var orders = projection.NewOrders(nil)

// documentOf returns an order as the projection has it; none for nil.
func documentOf(o *order.Order) projection.Document {
	if o == nil {
		return nil
	}
	source, err := o.Encode()
	if err != nil {
		panic(err)
	}
	d, err := orders.Decode(source)
	if err != nil {
		panic(err)
	}
	return d
}

func compare(o *order.Order, answer answered) []Verdict {
	return Compare(documentOf(o), documentOf(answer.Order), answer.failed)
}

func copyOf(o *order.Order) *order.Order {
	source, err := o.Encode()
	if err == nil {
		o, err = order.Decode(source)
	}
	if err != nil {
		panic(err)
	}
	return o
}

// leaf is a plain value in a document, with the field that it is of and how to change it.
type leaf struct {
	field string
	value any
	set   func(any)
}

// leaves returns the values that an owner answers, of a decoded document.
func leaves(document map[string]any) []leaf {
	var all []leaf
	var find func(path string, value any, set func(any))
	find = func(path string, value any, set func(any)) {
		switch value := value.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(value)) {
				find(path+"."+key, value[key], func(v any) { value[key] = v })
			}
		case []any:
			for i := range value {
				find(path, value[i], func(v any) { value[i] = v })
			}
		default:
			all = append(all, leaf{path, value, set})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(document)) {
		switch key {
		case "orderId", "status", "updatedAt", "timeline", "parts":
			continue
		case "ticket", "delivery", "bill":
			find(key, document[key], nil)
		default:
			find("order."+key, document[key], func(v any) { document[key] = v })
		}
	}
	return slices.DeleteFunc(all, func(l leaf) bool { return strings.Count(l.field, ".") == 1 && strings.HasSuffix(l.field, ".version") })
}

// change returns another value of the same kind.
func change(value any) any {
	switch value := value.(type) {
	case float64:
		return value + 1
	case string:
		if at, err := time.Parse(time.RFC3339Nano, value); err == nil {
			return at.Add(time.Minute).Format(time.RFC3339Nano)
		}
		return value + "x"
	}
	panic(fmt.Sprintf("no other %T", value))
}

// mutate changes some values of a document and returns it with the fields that they are of.
func mutate(t *rapid.T, o *order.Order, most int) (*order.Order, []string) {
	source, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(source, &document); err != nil {
		t.Fatal(err)
	}
	all := leaves(document)
	fields := map[string]bool{}
	for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(all)-1), 0, most, rapid.ID[int]).Draw(t, "changed") {
		all[i].set(change(all[i].value))
		fields[all[i].field] = true
	}
	changed, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	other, err := order.Decode(changed)
	if err != nil {
		t.Fatal(err)
	}
	return other, slices.Sorted(maps.Keys(fields))
}

// TestCompareTellsWhatDiffers: of any document, exactly the fields in which values were changed are told, as drift of the
// parts that they are of; every other part is equal.
func TestCompareTellsWhatDiffers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := someOrder(t, "1")
		changed, want := mutate(t, o, 4)
		var got []string
		for _, v := range compare(changed, answerOf(o)) {
			prefix := strings.ToLower(v.Part) + "."
			outcome := Equal
			if slices.ContainsFunc(want, func(field string) bool { return strings.HasPrefix(field, prefix) }) {
				outcome = Drift
			}
			if v.Outcome != outcome {
				t.Errorf("%s: %s, want %s", v.Part, v.Outcome, outcome)
			}
			got = append(got, fieldsOf(v)...)
		}
		if diff := cmp.Diff(want, got, cmp.Transformer("set", func(s []string) map[string]bool {
			set := map[string]bool{}
			for _, x := range s {
				set[x] = true
			}
			return set
		})); diff != "" || len(got) != len(want) {
			t.Errorf("fields (-want +got):\n%s", diff)
		}
	})
}

// pair is an order in the view, and what its owners have.
func pair(changeView, changeOwner func(*order.Order)) (*order.Order, answered) {
	o := order.New("1")
	o.Details = order.Details{State: order.Approved, CreatedAt: noon, Consumer: &order.Consumer{ConsumerID: "7"}}
	o.Part(order.AggregateOrder).Version = 2
	o.Ticket = &order.Ticket{State: order.TicketAccepted, ReadyBy: &noon}
	o.Part(order.AggregateTicket).Version = 4
	theirs := copyOf(o)
	if changeView != nil {
		changeView(o)
	}
	if changeOwner != nil {
		changeOwner(theirs)
	}
	return o, answerOf(theirs)
}

func TestCompare(t *testing.T) {
	ticket := func(change func(*view.Part)) func(*order.Order) {
		return func(o *order.Order) { change(o.Part(order.AggregateTicket)) }
	}
	at := func(version view.Version) func(*order.Order) {
		return ticket(func(p *view.Part) { p.Version = version })
	}
	unversioned := ticket(func(p *view.Part) { *p = view.Part{Last: &view.Place{Offset: 7}} })
	none := func(o *order.Order) { o.Ticket = nil; delete(o.Parts, order.AggregateTicket) }
	for _, tt := range []struct {
		name        string
		view, owner func(*order.Order)
		want        Outcome // of the ticket; "": no verdict
		fields      []string
	}{
		{"equal", nil, nil, Equal, nil},
		{"none on either side", none, none, "", nil},
		{"behind", at(3), nil, Behind, nil},
		{"behind, waiting", ticket(func(p *view.Part) { *p = view.Part{Waiting: []view.Event{{Version: 2}}} }), nil, Behind, nil},
		{"not begun", none, nil, Behind, nil},
		{"ahead", at(5), nil, Ahead, nil},
		{"the owner does not know it", nil, none, MissingAtOwner, nil},
		{"other values at another version", func(o *order.Order) { o.Ticket.State, o.Parts[order.AggregateTicket].Version = "X", 3 }, nil, Behind, nil},
		{"another value", func(o *order.Order) { o.Ticket.State = order.TicketPreparing }, nil, Drift, []string{"ticket.state"}},
		{"a value too few", func(o *order.Order) { o.Ticket.ReadyBy = nil }, nil, Drift, []string{"ticket.readyBy"}},
		{"a value too many", nil, func(o *order.Order) { o.Ticket.ReadyBy = nil }, Drift, []string{"ticket.readyBy"}},
		{"no values at all", func(o *order.Order) { o.Ticket = nil }, nil, Drift, []string{"ticket"}},
		{"degraded", ticket(func(p *view.Part) { p.Degrade(5, "body") }), nil, Degraded, nil},
		{"told by the owner before", ticket(func(p *view.Part) { p.Origin = view.FromOwner }), nil, Equal, nil},
		{"another status and timeline", func(o *order.Order) {
			o.Status = order.StatusDelivered
			o.Record(order.Entry{Type: "TicketCreatedEvent", At: noon, Aggregate: order.AggregateTicket, Version: 1})
		}, nil, Equal, nil},
		{"without versions", unversioned, nil, Unversioned, nil},
		{"without versions, another value", func(o *order.Order) { unversioned(o); o.Ticket.State = "X" }, nil, Unversioned, []string{"ticket.state"}},
		{"without versions, unknown to the owner", unversioned, none, Unversioned, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, answer := pair(tt.view, tt.owner)
			for _, v := range compare(o, answer) {
				switch order.Aggregate(v.Part) {
				case order.AggregateTicket:
					if diff := cmp.Diff(tt.fields, fieldsOf(v)); v.Outcome != tt.want || diff != "" {
						t.Errorf("%s, want %s; fields (-want +got):\n%s", v.Outcome, tt.want, diff)
					}
					return
				case order.AggregateOrder:
					if v.Outcome != Equal {
						t.Errorf("the order part is %s", v.Outcome)
					}
				default:
					t.Errorf("a verdict on %s", v.Part)
				}
			}
			if tt.want != "" {
				t.Errorf("no verdict, want %s", tt.want)
			}
		})
	}
	t.Run("no document", func(t *testing.T) {
		_, answer := pair(nil, nil)
		for _, v := range compare(nil, answer) {
			if v.Outcome != MissingInView || v.Owner == 0 {
				t.Errorf("%+v", v)
			}
		}
	})
	t.Run("owners that fail", func(t *testing.T) {
		o, answer := pair(nil, nil)
		answer.failed["ORDER"] = errors.New("down")
		answer.failed["TICKET"] = &compose.OwnerError{Owner: compose.KitchenOwner, Err: compose.ErrNotConfigured}
		if got := compare(o, answer); len(got) != 1 || got[0].Outcome != Failed || got[0].Err == nil {
			t.Errorf("%+v", got)
		}
	})
}

func TestSettle(t *testing.T) {
	look := func(outcome Outcome, inView, atOwner view.Version) Verdict {
		return Verdict{Outcome: outcome, View: inView, Owner: atOwner}
	}
	unversioned := func(offset int64, states ...string) Verdict {
		v := Verdict{Outcome: Unversioned, Owner: 3, last: &view.Place{Offset: offset}}
		if len(states) > 0 {
			v.Differences = []Difference{{"ticket.state", states[0], states[1]}}
		}
		return v
	}
	for _, tt := range []struct {
		name          string
		first, second Verdict
		passed        bool
		want          Outcome
	}{
		{"caught up", look(Behind, 2, 3), look(Equal, 3, 3), false, Equal},
		{"caught up, and wrong", look(Behind, 2, 3), look(Drift, 3, 3), false, Drift},
		{"still behind", look(Behind, 2, 3), look(Behind, 2, 3), false, Behind},
		{"still behind, and further", look(Behind, 2, 4), look(Behind, 3, 5), false, Behind},
		{"came to where the owner was", look(Behind, 2, 3), look(Behind, 3, 4), false, Changing},
		{"behind only now", look(Ahead, 3, 2), look(Behind, 3, 4), false, Changing},
		{"still missing", look(MissingInView, 0, 1), look(MissingInView, 0, 2), false, MissingInView},
		{"missing, and then in part", look(MissingInView, 0, 1), look(Behind, 0, 1), false, Behind},
		{"the owner caught up", look(Ahead, 3, 2), look(Equal, 3, 3), false, Equal},
		{"the owner stays where it was", look(Ahead, 3, 2), look(Ahead, 3, 2), false, Ahead},
		{"the owner follows", look(Ahead, 3, 2), look(Ahead, 4, 3), false, Changing},
		{"unknown to the owner", look(MissingAtOwner, 3, 0), look(MissingAtOwner, 3, 0), false, MissingAtOwner},
		{"the owner came back", look(Failed, 3, 0), look(Equal, 3, 3), false, Equal},
		{"the owner came back further on", look(Failed, 3, 0), look(Behind, 3, 4), false, Changing},
		{"without versions, the same difference", unversioned(7, "A", "B"), unversioned(7, "A", "B"), true, Drift},
		{"without versions, behind", unversioned(7, "A", "B"), unversioned(7, "A", "B"), false, Unversioned},
		{"without versions, an event came", unversioned(7, "A", "B"), unversioned(8, "A", "B"), true, Unversioned},
		{"without versions, another difference", unversioned(7, "A", "B"), unversioned(7, "A", "C"), true, Unversioned},
		{"without versions, equal in the end", unversioned(7, "A", "B"), unversioned(8), true, Equal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := settle(tt.first, tt.second, tt.passed).Outcome; got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

package compose

import (
	"encoding/json"
	"regexp"
	"testing"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/order"
)

// people is who is forgotten, each with their pseudonym.
type people map[string]string

func (p people) Pseudonym(id string) (string, bool) {
	for _, pseudonym := range p {
		if id == pseudonym {
			return id, true
		}
	}
	pseudonym, forgotten := p[id]
	return pseudonym, forgotten
}

var personalText = regexp.MustCompile(`consumerId":"?7\b|Ada|Amazing|Oakland|latitude`)

// TestForgottenByOwners: what owners tell of somebody who is forgotten is not shown, whoever asks, whether the view has the order,
// whose that is said to be, and whichever of the owners answer. The figures are.
func TestForgottenByOwners(t *testing.T) {
	erased := inView("1", "gone-7", Versions{Order: 1, Delivery: 1})
	erased.Consumer.Name, erased.DeliveryAddress = "", nil
	for _, test := range []struct {
		name   string
		store  []*order.Order
		list   people
		viewer view.Viewer
		shown  bool
	}{
		{"in the view", []*order.Order{erased}, people{"7": "gone-7"}, view.Support(), true},
		{"in the view, to who does not know yet", []*order.Order{erased}, people{"?": "gone-7"}, view.Support(), true},
		{"not in the view", nil, people{"7": "gone-7"}, view.Support(), true},
		{"in the view, to themselves", []*order.Order{erased}, people{"7": "gone-7"}, ada, false},
		{"not in the view, to themselves", nil, people{"7": "gone-7"}, ada, false},
		{"to the restaurant", []*order.Order{erased}, people{"7": "gone-7"}, view.As(view.RoleRestaurant, "1"), true},
	} {
		for _, parts := range []Parts{AllParts, PartsOf(order.AggregateDelivery), PartsOf(order.AggregateOrder)} {
			t.Run(test.name, func(t *testing.T) {
				f := serveOwners(t)
				f.hasOrder("1", "7", Versions{3, 2, 4, 1})
				s := newStore(t, test.store...)
				r := NewReader(s, s.mapping, newOwners(t, f.options()), ReaderOptions{
					Forgotten: test.list, Scratch: func() (view.Store, error) { return embedded.OpenMemory(s.mapping) },
				})
				fresh := Freshness{Mode: Fresh}
				a := r.ReadOrders(t.Context(), test.viewer, []Request{{ID: "1", Freshness: fresh, Parts: parts}})[0]
				if (a.Order != nil) != test.shown || a.Err != nil {
					t.Fatalf("answer %+v, want it shown: %t", a, test.shown)
				}
				page, err := r.SearchOrders(t.Context(), test.viewer, ListRequest{
					Query: view.Query{Size: 10}, Freshness: fresh, Consumer: "7", Parts: parts,
				})
				if err != nil {
					t.Fatal(err)
				}
				all := []*order.Order{}
				if a.Order != nil {
					all = append(all, a.Order)
				}
				for _, hit := range page.Hits {
					all = append(all, hit.Order)
				}
				if !test.shown && len(all) > 0 {
					t.Fatalf("shown: %+v", all)
				}
				for _, o := range all {
					text, err := json.Marshal(o)
					if err != nil {
						t.Fatal(err)
					}
					if what := personalText.Find(text); what != nil {
						t.Errorf("%s is shown in %s", what, text)
					}
					told := o == a.Order && parts.Has(order.AggregateDelivery)
					if o.Consumer.ConsumerID != "gone-7" || o.Total == nil || told && o.Delivery.State != order.DeliveryScheduled {
						t.Errorf("figures are missing in %s", text)
					}
				}
			})
		}
	}
}

// TestForgottenConsumer: nobody asks the Consumer service for who is forgotten.
func TestForgottenConsumer(t *testing.T) {
	f := serveOwners(t)
	f.has("consumers", "7", `{"consumerId":7,"name":{"firstName":"Ada","lastName":"Byron"}}`)
	erased := inView("1", "gone-7", Versions{Order: 1})
	erased.Consumer.Name = ""
	s := newStore(t, erased)
	r := NewReader(s, s.mapping, newOwners(t, f.options()), ReaderOptions{Forgotten: people{"7": "gone-7"}})
	for id, want := range map[string]string{"7": "", "gone-7": "gone-7"} {
		for _, mode := range []Mode{Eventual, Fresh} {
			a := r.Consumers(t.Context(), view.Support(), []ConsumerRequest{{ID: id, Freshness: Freshness{Mode: mode, OnStale: Fail}}})[0]
			if a.Err != nil || (a.Consumer != nil) != (want != "") || a.Consumer != nil && *a.Consumer != (order.Consumer{ConsumerID: want}) {
				t.Errorf("%s of %s: %+v, %v", mode, id, a.Consumer, a.Err)
			}
		}
	}
	if n := f.callsTo("consumers"); n > 0 {
		t.Errorf("the Consumer service is asked %d times", n)
	}
}

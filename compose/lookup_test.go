package compose

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

func TestConsumers(t *testing.T) {
	renamed := inView("2", "7", Versions{Order: 1})
	renamed.CreatedAt, renamed.Consumer.Name = placed.Add(time.Hour), "Ada Lovelace"
	inTheView := &order.Consumer{ConsumerID: "7", Name: "Ada Lovelace"}
	atTheService := &order.Consumer{ConsumerID: "9", Name: "Grace Hopper"}
	for _, test := range []struct {
		name    string
		viewer  view.Viewer
		id      string
		without bool // the Consumer service is not configured
		broken  bool
		down    bool // the view is
		want    *order.Consumer
		source  Source
		err     error
		calls   int
	}{
		{name: "newest order in the view", viewer: view.Support(), id: "7", want: inTheView, source: FromView},
		{name: "herself", viewer: ada, id: "7", want: inTheView, source: FromView},
		{name: "restaurant's staff", viewer: view.As(view.RoleRestaurant, "1"), id: "7", want: inTheView, source: FromView},
		{name: "foreign", viewer: view.As(view.RoleConsumer, "8"), id: "7", source: FromView},
		{name: "foreign, without orders", viewer: ada, id: "9", source: FromView},
		{name: "foreign to the staff, without orders", viewer: view.As(view.RoleRestaurant, "1"), id: "9", source: FromView},
		{name: "nobody", viewer: view.Viewer{}, id: "9", source: FromView},
		{name: "of the service", viewer: view.Support(), id: "9", want: atTheService, source: FromOwners, calls: 1},
		{name: "herself, of the service", viewer: view.As(view.RoleConsumer, "9"), id: "9", want: atTheService,
			source: FromOwners, calls: 1},
		{name: "unknown", viewer: view.Support(), id: "404", source: FromOwners, calls: 1},
		{name: "without a service", viewer: view.Support(), id: "9", without: true, source: FromView},
		{name: "service down", viewer: view.Support(), id: "9", broken: true, source: FromOwners, err: ErrOwner, calls: 1},
		{name: "view down", viewer: view.Support(), id: "9", down: true, want: atTheService, source: FromOwners, calls: 1},
		{name: "view down, without a service", viewer: view.Support(), id: "9", down: true, without: true, source: FromView,
			err: view.ErrUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := serveOwners(t)
			f.has("consumers", "9", `{"consumerId":9,"name":{"firstName":"Grace","lastName":"Hopper"}}`)
			options := f.options()
			if test.without {
				options.Consumer = ""
			}
			if test.broken {
				f.breaks("consumers", status(500))
			}
			s := newStore(t, inView("1", "7", Versions{Order: 3}), renamed)
			if test.down {
				s.err = view.ErrUnavailable
			}
			r := NewReader(s, s.mapping, newOwners(t, options), ReaderOptions{})
			a := r.Consumers(t.Context(), test.viewer, []ConsumerRequest{{ID: test.id}})[0]
			if diff := cmp.Diff(test.want, a.Consumer); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if a.Source != test.source || !errors.Is(a.Err, test.err) || test.err == nil && a.Err != nil {
				t.Errorf("source %s, error %v; want %s, %v", a.Source, a.Err, test.source, test.err)
			}
			if calls := f.callsTo("consumers"); calls != test.calls {
				t.Errorf("%d calls of the Consumer service, want %d", calls, test.calls)
			}
		})
	}
}

func TestSearchOrders(t *testing.T) {
	s := newStore(t, inView("1", "7", Versions{Order: 3}), inView("2", "8", Versions{Order: 1}),
		inView("3", "", Versions{Ticket: 1}))
	r := NewReader(s, s.mapping, newOwners(t, Options{}), ReaderOptions{})
	page, err := r.SearchOrders(t.Context(), ada, ListRequest{Query: view.Query{Sort: newestFirst, Size: 10}})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Hits) != 1 || page.Hits[0].Order.OrderID != "1" || page.Total != 1 || !page.Exact {
		t.Errorf("not the viewer's one order: %+v", page)
	}
	var invalid *view.InvalidError
	if _, err := r.SearchOrders(t.Context(), ada, ListRequest{Query: view.Query{Size: -1}}); !errors.As(err, &invalid) {
		t.Errorf("error %v, want an *InvalidError", err)
	}
	s.docs["1"] = view.Document{ID: "1", Source: []byte(`{"consumer":{"consumerId":"7"}}`)}
	if _, err := r.SearchOrders(t.Context(), ada, ListRequest{Query: view.Query{Size: 10}}); err == nil {
		t.Error("a document that is no order was left out in silence")
	}
	s.err = view.ErrUnavailable
	if _, err := r.SearchOrders(t.Context(), ada, ListRequest{Query: view.Query{Size: 10}}); !errors.Is(err, view.ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
}

package compose

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

var (
	orderPart  = PartsOf(order.AggregateOrder)
	ticketPart = PartsOf(order.AggregateTicket)
	billPart   = PartsOf(order.AggregateBill)
)

// changed returns an order with a part changed.
func changed(o *order.Order, a order.Aggregate, change func(*view.Part)) *order.Order {
	change(o.Part(a))
	return o
}

func degraded(p *view.Part)    { p.Degrade(p.Version, "lost") }
func unversioned(p *view.Part) { p.Version, p.Last = 0, &view.Place{Offset: 3} }
func waiting(p *view.Part)     { p.Waiting = []view.Event{{Version: p.Version + 2}} }

func TestJudge(t *testing.T) {
	full := func() *order.Order { return inView("1", "7", Versions{3, 2, 1, 1}) }
	hidden := func() *order.Order { return inView("1", "7", Versions{Ticket: 2}) }
	least := func(v Versions) Freshness { return Freshness{Mode: AtLeast, Least: v} }
	for _, test := range []struct {
		name  string
		fresh Freshness
		parts Parts
		doc   *order.Order
		want  verdict
	}{
		{"eventual", Freshness{Mode: Eventual}, AllParts, full(), verdict{0, 0, Satisfied, false}},
		{"zero", Freshness{}, AllParts, full(), verdict{0, 0, Satisfied, false}},
		{"eventual, none", Freshness{}, AllParts, nil, verdict{0, 0, Missing, false}},
		{"eventual ignores versions", Freshness{Least: Versions{Order: 9}}, AllParts, full(), verdict{0, 0, Satisfied, false}},
		{"eventual, events wait", Freshness{}, AllParts, changed(full(), order.AggregateTicket, waiting),
			verdict{0, 0, Satisfied, false}},
		{"eventual, degraded", Freshness{}, AllParts, changed(full(), order.AggregateTicket, degraded),
			verdict{ticketPart, 0, Degraded, false}},
		{"degraded, not selected", Freshness{}, orderPart, changed(full(), order.AggregateTicket, degraded),
			verdict{0, 0, Satisfied, false}},
		{"eventual, unversioned", Freshness{}, AllParts, changed(full(), order.AggregateTicket, unversioned),
			verdict{0, 0, Satisfied, false}},
		{"eventual, hidden", Freshness{}, ticketPart, hidden(), verdict{orderPart, 0, Missing, false}},

		{"at least, reached", least(Versions{Order: 3, Ticket: 2}), AllParts, full(), verdict{0, 0, Satisfied, false}},
		{"at least, behind", least(Versions{Order: 4, Ticket: 2}), AllParts, full(), verdict{orderPart, 0, Behind, true}},
		{"at least, behind but not selected", least(Versions{Order: 4}), ticketPart, full(), verdict{0, 0, Satisfied, false}},
		{"at least, events wait at it", least(Versions{Ticket: 4}), AllParts,
			changed(full(), order.AggregateTicket, waiting), verdict{ticketPart, 0, Behind, true}},
		{"at least, part not begun", least(Versions{Bill: 1}), AllParts, inView("1", "7", Versions{Order: 1}),
			verdict{billPart, 0, Behind, true}},
		{"at least, unversioned", least(Versions{Ticket: 1}), AllParts,
			changed(full(), order.AggregateTicket, unversioned), verdict{ticketPart, 0, Unversioned, false}},
		{"at least, degraded at it", least(Versions{Ticket: 2}), AllParts,
			changed(full(), order.AggregateTicket, degraded), verdict{ticketPart, 0, Degraded, false}},
		{"at least, behind and degraded", least(Versions{Order: 9}), AllParts,
			changed(full(), order.AggregateTicket, degraded), verdict{orderPart | ticketPart, 0, Degraded, false}},
		{"at least, none", least(Versions{Ticket: 1}), ticketPart, nil, verdict{orderPart | ticketPart, 0, Missing, true}},
		{"at least, of something else", least(Versions{}), AllParts, nil, verdict{0, 0, Missing, false}},
		{"at least, hidden", least(Versions{Ticket: 2}), ticketPart, hidden(), verdict{orderPart, 0, Missing, true}},

		{"fresh", Freshness{Mode: Fresh}, orderPart | billPart, full(), verdict{orderPart | billPart, orderPart | billPart, Asked, false}},
		{"fresh ignores versions", Freshness{Mode: Fresh, Least: Versions{Order: 9}}, billPart, full(),
			verdict{billPart, billPart, Asked, false}},
		{"fresh, nothing selected", Freshness{Mode: Fresh}, 0, full(), verdict{0, 0, Satisfied, false}},
		{"fresh, none", Freshness{Mode: Fresh}, ticketPart, nil, verdict{orderPart | ticketPart, ticketPart, Missing, false}},
		{"fresh, hidden", Freshness{Mode: Fresh}, ticketPart, hidden(), verdict{orderPart | ticketPart, ticketPart, Missing, false}},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := Request{ID: "1", Freshness: test.fresh, Parts: test.parts}
			if diff := cmp.Diff(test.want, q.judge(test.doc, standing{}), cmp.AllowUnexported(verdict{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestJudgeStanding: what depends on how far the view as a whole is.
func TestJudgeStanding(t *testing.T) {
	second, part := time.Second, feed.Partition{Topic: "Order"}
	old, young := standing{lag: new(5 * second)}, standing{lag: new(second / 2)}
	filling := standing{lag: new(time.Hour), filling: true}
	at := func(offset int64) standing { return standing{written: feed.Positions{part: offset}} }
	within := func(mode Mode) Freshness { return Freshness{Mode: mode, MaxStaleness: second} }
	beyond := Freshness{Mode: AtLeast, Beyond: &feed.Positions{part: 7}}
	named := beyond
	named.Least = Versions{Order: 3}
	doc := func() *order.Order { return inView("1", "7", Versions{3, 2, 1, 1}) }
	for _, test := range []struct {
		name  string
		fresh Freshness
		stood standing
		doc   *order.Order
		want  verdict
	}{
		{"young enough", within(Eventual), young, doc(), verdict{0, 0, Satisfied, false}},
		{"too old", within(Eventual), old, doc(), verdict{orderPart, orderPart, Behind, true}},
		{"of unknown age", within(Eventual), standing{}, doc(), verdict{orderPart, orderPart, Behind, true}},
		{"too old, none", within(Eventual), old, nil, verdict{orderPart, orderPart, Missing, true}},
		{"fresh, young enough", within(Fresh), young, doc(), verdict{0, 0, Satisfied, false}},
		{"fresh, too old", within(Fresh), old, doc(), verdict{orderPart, orderPart, Behind, true}},
		{"at least, too old", within(AtLeast), old, doc(), verdict{orderPart, orderPart, Behind, true}},
		{"no bound", Freshness{}, old, doc(), verdict{0, 0, Satisfied, false}},

		{"beyond", beyond, at(7), doc(), verdict{0, 0, Satisfied, false}},
		{"not beyond", beyond, at(6), doc(), verdict{orderPart, orderPart, Behind, true}},
		{"nobody knows how far", beyond, standing{}, doc(), verdict{orderPart, orderPart, Behind, true}},
		{"not beyond, but the order is named", named, at(6), doc(), verdict{0, 0, Satisfied, false}},

		{"filling", Freshness{}, filling, doc(), verdict{0, 0, Rebuilding, false}},
		{"filling, none", Freshness{}, filling, nil, verdict{0, 0, Rebuilding, false}},
		{"filling, and the version is there", Freshness{Mode: AtLeast, Least: Versions{Order: 3}}, filling, doc(),
			verdict{0, 0, Satisfied, false}},
		{"filling, and it is not", Freshness{Mode: AtLeast, Least: Versions{Order: 4}}, filling, doc(),
			verdict{orderPart, 0, Rebuilding, true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := Request{ID: "1", Freshness: test.fresh, Parts: orderPart}
			if diff := cmp.Diff(test.want, q.judge(test.doc, test.stood), cmp.AllowUnexported(verdict{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestKept(t *testing.T) {
	failed := map[order.Aggregate]error{order.AggregateTicket: errors.New("down")}
	o := inView("1", "7", Versions{3, 2, 0, 1})
	for _, p := range o.Parts {
		p.Origin = view.FromOwner
	}
	for _, test := range []struct {
		name    string
		fresh   Freshness
		parts   Parts
		history bool
		before  Versions
		failed  map[order.Aggregate]error
		want    bool
	}{
		{"eventual promises nothing", Freshness{}, AllParts, true, Versions{}, failed, true},
		{"fresh", Freshness{Mode: Fresh}, AllParts, false, Versions{}, nil, true},
		{"fresh, an owner failed", Freshness{Mode: Fresh}, AllParts, false, Versions{}, failed, false},
		{"fresh, an owner failed whose part is not selected", Freshness{Mode: Fresh}, orderPart, false, Versions{}, failed, true},
		{"fresh, timeline lags", Freshness{Mode: Fresh}, AllParts, true, Versions{3, 1, 0, 1}, nil, false},
		{"fresh, timeline does not lag", Freshness{Mode: Fresh}, AllParts, true, Versions{3, 2, 0, 1}, nil, true},
		{"at least", Freshness{Mode: AtLeast, Least: Versions{Order: 3, Ticket: 1}}, AllParts, false, Versions{}, nil, true},
		{"at least, below", Freshness{Mode: AtLeast, Least: Versions{Order: 4}}, AllParts, false, Versions{}, nil, false},
		{"at least, not there", Freshness{Mode: AtLeast, Least: Versions{Delivery: 1}}, AllParts, false, Versions{}, nil, false},
		{"at least, an owner failed of which nothing is promised", Freshness{Mode: AtLeast, Least: Versions{Order: 3}},
			AllParts, false, Versions{}, failed, true},
		{"at least, timeline lags", Freshness{Mode: AtLeast, Least: Versions{Order: 3}}, AllParts, true,
			Versions{Order: 2}, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := Request{ID: "1", Freshness: test.fresh, Parts: test.parts, History: test.history}
			if got := q.kept(o, test.before, q.judge(o, standing{}).strict, test.failed); got != test.want {
				t.Errorf("kept %t, want %t", got, test.want)
			}
		})
	}
}

func TestWeightier(t *testing.T) {
	for i, light := range reasonsByWeight {
		for _, heavy := range reasonsByWeight[i:] {
			if a, b := Weightier(light, heavy), Weightier(heavy, light); a != heavy || b != heavy {
				t.Errorf("of %q and %q: %q, %q", light, heavy, a, b)
			}
		}
	}
}

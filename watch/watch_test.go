package watch

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

var ada, bob = view.As(view.RoleConsumer, "7"), view.As(view.RoleConsumer, "8")

// approved is what most lists here list.
var approved = view.Query{Filter: view.In{Field: "state", Values: []any{string(order.Approved)}}}

func expect(t *testing.T, s *Subscription, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, nexts(t, s, len(want))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// told returns once all that was published before has been handed out: a mark comes with it, or after it, and a second
// one after the first.
func (x *world) told() {
	x.t.Helper()
	s := x.follow(view.Support(), "mark")
	defer s.Close()
	next(x.t, s)
	for range 2 {
		x.marks++
		mark := newOrder(0, x.marks, "marks", order.Rejected)
		mark.OrderID = "mark"
		x.write(mark)
		next(x.t, s)
	}
}

func TestOrder(t *testing.T) {
	x := newWorld(t, Options{})
	x.write(newOrder(1, 1, "7", order.Approved))
	x.run()
	mine, foreign, missing := x.follow(ada, "1"), x.follow(bob, "1"), x.follow(ada, "2")
	expect(t, mine, "1/1")
	expect(t, foreign, "null")
	expect(t, missing, "null")

	x.write(newOrder(1, 2, "7", order.Approved))
	expect(t, mine, "1/2")
	x.hub.Publish(feed.News{Index: "index", Changed: []string{"1"}}, nil) // a record was delivered again
	x.told()
	x.write(newOrder(1, 3, "7", order.Approved))
	expect(t, mine, "1/3")

	hidden := order.New("2")
	hidden.Part(order.AggregateTicket).Version = 1
	x.write(hidden)
	x.told()
	x.write(newOrder(2, 1, "7", order.Approved))
	expect(t, missing, "2/1")

	x.write(newOrder(3, 1, "8", order.Approved))
	x.told()
	foreign.mu.Lock()
	defer foreign.mu.Unlock()
	if len(foreign.pending) > 0 {
		t.Errorf("a foreign order waits to be sent: %+v", foreign.pending)
	}
}

func TestUnversioned(t *testing.T) {
	unversioned := func(offset int64, amount string) *order.Order {
		o := newOrder(1, 0, "7", order.Approved)
		o.Total.Amount = amount
		o.Part(order.AggregateOrder).Last = &view.Place{Offset: offset}
		return o
	}
	x := newWorld(t, Options{})
	x.write(unversioned(1, "1.00"))
	x.run()
	s := x.follow(ada, "1")
	expect(t, s, "1/0")
	x.hub.Publish(feed.News{Index: "index", Changed: []string{"1"}}, nil)
	x.told()
	x.write(unversioned(2, "2.00"))
	change, err := s.Next(within(t))
	if err != nil || change.Order.Total.Amount != "2.00" {
		t.Errorf("%+v, %v", change, err)
	}
}

func TestOrders(t *testing.T) {
	x := newWorld(t, Options{})
	for id := 1; id <= 5; id++ {
		x.write(newOrder(id, 1, "7", order.Approved))
	}
	x.write(newOrder(6, 1, "7", order.Cancelled))
	x.write(newOrder(7, 1, "8", order.Approved))
	x.run()
	three, none, all := x.list(ada, approved, 3), x.list(ada, approved, 0), x.list(view.Support(), approved, 100)
	expect(t, three, "3/1", "4/1", "5/1")
	expect(t, all, "1/1", "2/1", "3/1", "4/1", "5/1", "7/1")

	x.write(newOrder(1, 2, "7", order.Approved)) // of which three knew nothing
	x.write(newOrder(7, 2, "8", order.Approved))
	x.told()
	expect(t, three, "1/2")
	expect(t, none, "1/2")
	expect(t, all, "1/2", "7/2")

	x.write(newOrder(2, 2, "7", order.Cancelled)) // of which three and none knew nothing
	x.told()
	x.write(newOrder(3, 2, "7", order.Cancelled)) // of which none knew nothing
	x.told()
	x.write(newOrder(1, 3, "7", order.Cancelled))
	x.told()
	expect(t, three, "-3/2", "-1/3")
	expect(t, none, "-1/3")
	expect(t, all, "-2/2", "-3/2", "-1/3")

	x.write(newOrder(1, 4, "7", order.Cancelled)) // which everybody has been told
	x.told()
	x.write(newOrder(1, 5, "7", order.Approved)) // and back
	x.told()
	for _, s := range []*Subscription{three, none, all} {
		expect(t, s, "1/5")
	}
	late := x.list(ada, approved, 0)
	x.write(newOrder(1, 6, "7", order.Cancelled))
	x.write(newOrder(6, 2, "7", order.Approved))
	x.told()
	expect(t, late, "6/2") // it was never sent 1
}

// meanwhile does something once the next read of the view has seen what it returns, and has all of it handed out before
// the reader goes on.
func (x *world) meanwhile(do func()) {
	x.store.mu.Lock()
	defer x.store.mu.Unlock()
	x.store.onRead = func() { do(); x.told() }
}

// What changes while a subscriber begins beats what it read.
func TestChangesMeanwhile(t *testing.T) {
	x := newWorld(t, Options{})
	for id := 1; id <= 4; id++ {
		x.write(newOrder(id, 1, "7", order.Approved))
	}
	x.run()
	x.told()
	x.meanwhile(func() { x.write(newOrder(1, 2, "7", order.Approved)) })
	s := x.follow(ada, "1")
	expect(t, s, "1/2")
	x.write(newOrder(1, 3, "7", order.Approved))
	expect(t, s, "1/3")

	x.meanwhile(func() {
		x.write(newOrder(2, 2, "7", order.Cancelled)) // which the search has found
		x.write(newOrder(3, 2, "7", order.Approved))
		x.write(newOrder(5, 1, "7", order.Approved)) // which it has not
		x.write(newOrder(6, 1, "7", order.Cancelled))
	})
	l := x.list(ada, approved, 3)
	expect(t, l, "3/2", "4/1", "5/1")
	x.write(newOrder(2, 3, "7", order.Cancelled)) // which was never sent
	x.write(newOrder(6, 2, "7", order.Cancelled))
	x.told()
	x.write(newOrder(3, 3, "7", order.Cancelled))
	x.write(newOrder(5, 2, "7", order.Cancelled))
	x.told()
	expect(t, l, "-3/3", "-5/2")
}

// What a subscriber shows already is sent at once, as it is, and counts as sent.
func TestShown(t *testing.T) {
	x := newWorld(t, Options{})
	for id := 1; id <= 5; id++ {
		x.write(newOrder(id, 1, "7", order.Approved))
	}
	x.write(newOrder(2, 2, "7", order.Cancelled))
	x.write(newOrder(3, 2, "7", order.Cancelled))
	x.write(newOrder(6, 1, "8", order.Approved))
	x.run()
	x.told()
	shows := func(newest int, ids ...string) *Subscription {
		t.Helper()
		s, err := x.Orders(within(t), ada, approved, newest, ids)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	s := shows(2, "4", "1", "2", "2", "6", "17") // 6 is another's, and 17 nobody's
	expect(t, s, "5/1", "1/1", "-2/2", "4/1")

	x.write(newOrder(2, 3, "7", order.Cancelled)) // of which it has been told
	x.told()
	x.write(newOrder(3, 3, "7", order.Cancelled)) // which it does not show
	x.told()
	x.write(newOrder(1, 2, "7", order.Cancelled))
	x.told()
	x.write(newOrder(2, 4, "7", order.Approved))
	x.told()
	expect(t, s, "-1/2", "2/4")

	x.hub.Lose()
	x.told()
	x.writeSilently(newOrder(4, 2, "7", order.Cancelled))
	x.hub.Lose()
	expect(t, s, "-4/2")

	x.meanwhile(func() { x.write(newOrder(5, 2, "7", order.Cancelled)) })
	expect(t, shows(0, "2", "5"), "2/4", "-5/2")
	x.meanwhile(func() { x.write(newOrder(2, 5, "7", order.Cancelled)) })
	s = shows(5, "2")
	expect(t, s, "-2/5")
	x.write(newOrder(2, 6, "7", order.Approved))
	expect(t, s, "2/6")
}

// A document whose order part is missing is sent to nobody: nothing says whose it is.
func TestHidden(t *testing.T) {
	hidden := func(version int) *order.Order {
		o := order.New("1")
		o.Part(order.AggregateTicket).Version = view.Version(version)
		return o
	}
	x := newWorld(t, Options{})
	x.write(hidden(1))
	x.run()
	s, l := x.follow(view.Support(), "1"), x.list(view.Support(), view.Query{Filter: view.In{
		Field: "orderId", Values: []any{"1"}}}, 1)
	expect(t, s, "null")
	x.write(hidden(2))
	x.told()
	x.write(newOrder(1, 1, "7", order.Approved))
	expect(t, s, "1/1")
	expect(t, l, "1/1")
}

// What a subscriber has not taken yet is replaced by what is newer; an order that came and went is not sent at all.
func TestCoalescing(t *testing.T) {
	x := newWorld(t, Options{})
	x.write(newOrder(1, 1, "7", order.Approved))
	x.run()
	s, l := x.follow(ada, "1"), x.list(ada, approved, 10)
	expect(t, l, "1/1")
	for version := 2; version <= 5; version++ {
		x.write(newOrder(1, version, "7", order.Approved))
		x.write(newOrder(2, version, "7", order.Approved))
		x.told()
	}
	x.write(newOrder(1, 6, "7", order.Cancelled))
	x.write(newOrder(2, 6, "7", order.Cancelled))
	x.told()
	x.write(newOrder(3, 1, "7", order.Approved))
	expect(t, s, "1/6")
	expect(t, l, "-1/6", "3/1")
}

// A subscriber that does not take what there is for it is dropped and told so; the others go on.
func TestSlow(t *testing.T) {
	for name, o := range map[string]Options{
		"too many": {MostPending: 3},
		"too long": {Patience: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			x := newWorld(t, o)
			x.run()
			slow, quick := x.list(view.Support(), view.Query{}, 0), x.list(view.Support(), view.Query{}, 0)
			for id := 1; ; id++ {
				x.write(newOrder(id, 1, "7", order.Approved))
				expect(t, quick, fmt.Sprintf("%d/1", id))
				slow.mu.Lock()
				err, waiting := slow.err, len(slow.pending)
				slow.mu.Unlock()
				if err != nil {
					if waiting != 0 {
						t.Errorf("%d orders are kept for it", waiting)
					}
					break
				}
				if id > 3 && o.MostPending == 3 {
					t.Fatalf("after %d orders it is not dropped", id)
				}
			}
			if _, err := slow.Next(within(t)); !errors.Is(err, ErrSlow) {
				t.Errorf("the slow one is told %v", err)
			}
		})
	}
	t.Run("too long, and nothing more comes", func(t *testing.T) {
		x := newWorld(t, Options{Patience: 20 * time.Millisecond})
		x.run()
		slow := x.list(view.Support(), view.Query{}, 0)
		x.write(newOrder(1, 1, "7", order.Approved))
		for ended := false; !ended; time.Sleep(time.Millisecond) {
			slow.mu.Lock()
			ended = slow.err != nil
			slow.mu.Unlock()
		}
	})
}

// Where news were lost, all that was sent and the newest orders are looked at again.
func TestLost(t *testing.T) {
	x := newWorld(t, Options{})
	for id := 1; id <= 3; id++ {
		x.write(newOrder(id, 1, "7", order.Approved))
	}
	x.run()
	s, two, none := x.follow(ada, "1"), x.list(ada, approved, 2), x.list(ada, approved, 0)
	expect(t, s, "1/1")
	expect(t, two, "2/1", "3/1")
	x.write(newOrder(1, 2, "7", order.Approved))
	expect(t, s, "1/2")
	expect(t, two, "1/2")
	expect(t, none, "1/2")

	x.writeSilently(newOrder(1, 3, "7", order.Cancelled))
	x.writeSilently(newOrder(2, 2, "7", order.Approved))
	x.writeSilently(newOrder(4, 1, "7", order.Approved))
	x.hub.Lose()
	expect(t, s, "1/3")
	expect(t, two, "-1/3", "2/2", "4/1")
	expect(t, none, "-1/3")
	x.hub.Lose()
	x.told()
	x.write(newOrder(5, 1, "7", order.Approved))
	expect(t, two, "5/1") // nothing else was newer
}

// While the view cannot be read nothing is lost, and a subscription that cannot begin leaves nothing behind.
func TestUnavailable(t *testing.T) {
	x := newWorld(t, Options{})
	x.run()
	l := x.list(ada, approved, 0)
	x.store.fail(view.ErrUnavailable)
	x.write(newOrder(1, 1, "7", order.Approved))
	if _, err := x.Order(t.Context(), ada, "1"); !errors.Is(err, view.ErrUnavailable) {
		t.Errorf("subscribing: %v", err)
	}
	x.store.mu.Lock()
	failed := x.store.gets
	x.store.mu.Unlock()
	for tried := failed; tried < failed+2; time.Sleep(time.Millisecond) {
		x.store.mu.Lock()
		tried = x.store.gets
		x.store.mu.Unlock()
	}
	x.write(newOrder(2, 1, "7", order.Approved))
	x.store.fail(nil)
	expect(t, l, "1/1", "2/1")
	if n := x.Subscriptions(); n != 1 {
		t.Errorf("%d subscriptions, want 1", n)
	}
}

func TestEnd(t *testing.T) {
	x := newWorld(t, Options{Most: 2})
	early := x.follow(ada, "1") // before Run
	expect(t, early, "null")
	x.write(newOrder(1, 1, "7", order.Approved))
	stop := x.run()
	expect(t, early, "1/1")

	l := x.list(ada, approved, 1)
	if _, err := x.Order(t.Context(), ada, "1"); !errors.Is(err, ErrFull) {
		t.Errorf("a third of two: %v", err)
	}
	l.Close()
	l.Close()
	if _, err := l.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Next after Close: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := early.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next that is given up: %v", err)
	}
	stop()
	if _, err := early.Next(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("Next after the end: %v", err)
	}
	early.Close()
	if _, err := x.Orders(t.Context(), ada, approved, 1, nil); !errors.Is(err, ErrStopped) {
		t.Errorf("subscribing after the end: %v", err)
	}
	if len(x.Watcher.orders) != 0 || len(x.Watcher.lists) != 0 || x.Subscriptions() != 0 {
		t.Errorf("left: %v, %v, %d", x.Watcher.orders, x.Watcher.lists, x.Subscriptions())
	}
}

// However many follow, a batch is read once, and each distinct query asked once.
func TestShared(t *testing.T) {
	x := newWorld(t, Options{})
	x.run()
	x.told() // it runs: when it begins, it reads once what is followed
	reads := func() int {
		x.store.mu.Lock()
		defer x.store.mu.Unlock()
		return x.store.gets
	}
	began := reads()
	x.write(newOrder(1, 1, "7", order.Approved)) // which nobody follows
	x.told()
	if read := reads() - began; read > 3 { // to follow a mark, and it twice
		t.Errorf("%d reads for what nobody follows, want none", read-3)
	}
	began = reads()
	var all []*Subscription
	for range 50 {
		all = append(all, x.list(ada, approved, 0), x.list(view.Support(), approved, 0), x.list(bob, approved, 0))
	}
	if lists := len(x.Watcher.lists); lists != 3 {
		t.Errorf("%d viewers' lists, want 3", lists)
	}
	x.write(newOrder(2, 1, "7", order.Approved))
	for i, s := range all {
		if i%3 < 2 {
			expect(t, s, "2/1")
		}
	}
	if read := reads() - began; read > 1 {
		t.Errorf("%d reads for 100 subscribers, want 1", read)
	}
}

func TestTold(t *testing.T) {
	memory, number := newTold(), uint64(0)
	add := func(id string) { number++; memory.add(number, &state{id: id}, true) }
	for range 3 {
		for i := range maxTold {
			add(fmt.Sprint(i))
		}
	}
	if n := len(memory.orders); n != maxTold || len(memory.queue) > 2*maxTold {
		t.Errorf("%d orders, %d queued", n, len(memory.queue))
	}
	add("0") // now 1 is the one that was told longest ago
	add("one more")
	if _, there := memory.orders["1"]; there || len(memory.orders) != maxTold {
		t.Errorf("1 is there: %t, %d orders", there, len(memory.orders))
	}
	if _, there := memory.orders["0"]; !there {
		t.Error("0 was told lately and is forgotten")
	}
}

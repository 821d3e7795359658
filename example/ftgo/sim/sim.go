// Package sim is an example, not a part of viewgate: it simulates the customers, cooks and couriers of the food-to-go
// services, so that a demo has something to show. It knows the services by their REST APIs only.
//
// Customers order at random restaurants, some more popular than others, as dishes are; one in twenty changes their mind
// and cancels, one in twenty revises. Kitchens and couriers do their work step by step. What goes wrong is tried again: a
// service that is down makes them wait. What each does follows from Options.Seed and the order's number, so that two runs
// with one seed differ only as their services' timing does.
package sim

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// Options configure a simulation. The URLs are needed, without a slash at their end.
type Options struct {
	// Orders is how many are placed; 0: none, but unfinished ones are still finished.
	Orders int
	// Linger makes Run go on until ctx ends, and look every few seconds, divided by Speed, for orders that others have
	// placed: they are cooked and delivered, too.
	Linger bool
	// Rate is how many orders are placed a second; 0: 2.
	Rate float64
	// Seed makes runs alike.
	Seed int64
	// Speed divides the delays between an order's steps; 0: 1, with which an order takes some 10 to 30 seconds from
	// its beginning to its delivery. It does not change Rate.
	Speed float64
	// Concurrency is how many orders are worked on at one moment; 0: 8. Any number can be waiting for their next step.
	Concurrency int
	// Now is the clock by which cooks tell when food is ready and customers when they want it; nil: time.Now.
	Now func() time.Time
	// Log gets what is tried again; nil: slog.Default().
	Log *slog.Logger

	ConsumerURL, OrderURL, KitchenURL, RestaurantURL, DeliveryURL string
}

// Summary says what has become of the orders that a simulation placed or found unfinished.
type Summary struct {
	Placed    int // by this run, taken on by the Order service
	Refused   int // by this run, not taken on
	Resumed   int // found unfinished: at its beginning or, lingering, later
	Rejected  int // by the saga: the card was refused
	Cancelled int
	Delivered int
}

// Run simulates until all orders have come to their end or ctx ends, whichever is first, and returns what it has done.
// The end of ctx is how it is stopped, and no error; wrong Options are one. It first picks up the orders that an earlier
// run left unfinished. It returns when all its goroutines have ended.
func Run(ctx context.Context, options Options) (Summary, error) {
	s, err := newSimulation(options)
	if err != nil {
		return Summary{}, err
	}
	defer s.api.http.CloseIdleConnections()
	if s.patiently(ctx, "reading the menus", s.readMarket) && s.patiently(ctx, "looking for unfinished orders", s.resume) {
		s.work(ctx)
	}
	return s.summary, nil
}

// simulation is one run. What is not read-only after its beginning belongs to the goroutine of work, but for the errands
// that are being advanced.
type simulation struct {
	Options
	api     api
	market  market
	agenda  agenda
	watch   watch
	summary Summary
}

func newSimulation(o Options) (*simulation, error) {
	if o.Orders < 0 || o.Rate < 0 || o.Speed < 0 || o.Concurrency < 0 {
		return nil, errors.New("sim: a number in Options is negative")
	}
	o.Rate = cmp.Or(o.Rate, 2)
	o.Speed = cmp.Or(o.Speed, 1)
	o.Concurrency = cmp.Or(o.Concurrency, 8)
	o.Log = cmp.Or(o.Log, slog.Default())
	if o.Now == nil {
		o.Now = time.Now
	}
	client := &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: o.Concurrency, IdleConnTimeout: 30 * time.Second},
	}
	return &simulation{Options: o, api: api{http: client}, watch: newWatch()}, nil
}

// longestPause is between two tries of what has failed often.
const longestPause = 2 * time.Second

// patiently tries again until it works, or ctx ends; it reports which.
func (s *simulation) patiently(ctx context.Context, what string, try func(context.Context) error) bool {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, longestPause) {
		err := try(ctx)
		if err == nil {
			return true
		}
		if ctx.Err() == nil {
			s.Log.Warn("simulator will try again", "what", what, "pause", pause, "error", err)
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}

// work advances the errands as they become due, the earliest first and at most Concurrency at once, until none is left
// (or, lingering, on) or ctx ends. It returns when no errand is under way.
func (s *simulation) work(ctx context.Context) {
	advanced, answers := make(chan *errand), make(chan answer)
	active, looking := 0, false
	defer func() {
		for ; active > 0; active-- {
			s.conclude(<-advanced)
		}
		if looking {
			<-answers
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	begin, numbered := time.Now(), 0
	for {
		if numbered < s.Orders && !time.Now().Before(s.placement(begin, numbered)) {
			heap.Push(&s.agenda, s.newErrand(numbered, s.placement(begin, numbered)))
			numbered++
			continue
		}
		var wake time.Time // when something is due; zero: only an errand under way can bring something
		if len(s.agenda) > 0 && active < s.Concurrency {
			wake = s.agenda[0].due
			if !wake.After(time.Now()) {
				e := heap.Pop(&s.agenda).(*errand)
				if e.stage == ordering {
					s.watch.placing[e] = true
				}
				active++
				go func() {
					s.advance(ctx, e)
					advanced <- e
				}()
				continue
			}
		}
		if numbered < s.Orders {
			if at := s.placement(begin, numbered); wake.IsZero() || at.Before(wake) {
				wake = at
			}
		} else if len(s.agenda) == 0 && active == 0 && !s.Linger {
			return
		}
		if s.Linger && !s.watch.open {
			if !s.watch.next.After(time.Now()) {
				looking = true
				s.watch.begin()
				go func() {
					ids, err := s.unfinished(ctx)
					answers <- answer{ids, err}
				}()
				continue
			}
			if wake.IsZero() || s.watch.next.Before(wake) {
				wake = s.watch.next
			}
		}
		var due <-chan time.Time
		if !wake.IsZero() {
			timer.Reset(time.Until(wake))
			due = timer.C
		}
		select {
		case <-ctx.Done():
			return
		case <-due:
		case e := <-advanced:
			active--
			s.conclude(e)
		case a := <-answers:
			looking = false
			s.heed(a)
		}
	}
}

// placement returns when an order is to be placed.
func (s *simulation) placement(begin time.Time, number int) time.Time {
	return begin.Add(time.Duration(float64(number) / s.Rate * float64(time.Second)))
}

// conclude puts an errand back on the agenda after a step, or into the summary after its last.
func (s *simulation) conclude(e *errand) {
	if e.placed {
		e.placed = false
		s.summary.Placed++
	}
	s.adopt(s.watch.advanced(e))
	switch e.stage {
	case refused:
		s.summary.Refused++
	case rejected:
		s.summary.Rejected++
	case cancelled:
		s.summary.Cancelled++
	case delivered:
		s.summary.Delivered++
	default:
		heap.Push(&s.agenda, e)
	}
}

// agenda holds the errands that wait, the earliest first.
type agenda []*errand

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].due.Before(a[j].due) }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }

// Push adds an errand; container/heap calls it.
func (a *agenda) Push(e any) { *a = append(*a, e.(*errand)) }

// Pop takes the last errand away; container/heap calls it.
func (a *agenda) Pop() any {
	last := len(*a) - 1
	e := (*a)[last]
	(*a)[last] = nil
	*a = (*a)[:last]
	return e
}

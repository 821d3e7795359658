package sim

import (
	"container/heap"
	"context"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"time"

	"github.com/viewgate/viewgate/wire"
)

// interval is between two looks for orders that others have placed, at Speed 1.
const interval = 3 * time.Second

// watch tells orders that others have placed from the simulation's own, which the services list alike.
type watch struct {
	next time.Time        // when to look again
	mine map[wire.ID]bool // the orders whose errands are on the agenda or under way

	// placing has the errands that are being placed: their orders may be listed before their ids are known here.
	placing map[*errand]bool

	// Of a look, from its beginning until it is decided whose the orders are that it found.
	open   bool
	ended  map[wire.ID]bool // the orders whose errands have ended since: it may list them still
	found  []wire.ID
	doubts map[*errand]bool // the placements that were under way when it was answered; nil: it has not been
}

func newWatch() watch {
	return watch{mine: map[wire.ID]bool{}, placing: map[*errand]bool{}, ended: map[wire.ID]bool{}}
}

// answer is what came of a look.
type answer struct {
	found []wire.ID
	err   error
}

// begin notes that a look begins.
func (w *watch) begin() {
	w.open = true
	clear(w.ended)
}

// answered takes what the look has found, and returns the orders of others if that can be told.
func (w *watch) answered(found []wire.ID) []wire.ID {
	w.found, w.doubts = found, maps.Clone(w.placing)
	return w.decide()
}

// advanced notes that a step of an errand is over, and returns the orders of others if that decided it.
func (w *watch) advanced(e *errand) []wire.ID {
	delete(w.placing, e)
	delete(w.doubts, e)
	switch {
	case e.stage >= refused:
		delete(w.mine, e.id)
		if w.open {
			w.ended[e.id] = true
		}
	case e.id != "":
		w.mine[e.id] = true
	}
	return w.decide()
}

// decide returns, once, the orders found that are not the simulation's own.
func (w *watch) decide() []wire.ID {
	if w.doubts == nil || len(w.doubts) > 0 {
		return nil
	}
	others := slices.DeleteFunc(w.found, func(id wire.ID) bool { return w.mine[id] || w.ended[id] })
	w.open, w.found, w.doubts = false, nil, nil
	return others
}

// listed is an order as the services list it.
type listed struct {
	OrderID      wire.ID `json:"orderId"`
	DeliveryInfo struct {
		ID wire.ID `json:"id"`
	} `json:"deliveryInfo"`
}

// unfinished returns the orders that have not come to an end, each once. It asks for the orders first: one whose saga
// ends between the two questions is then in the second answer.
func (s *simulation) unfinished(ctx context.Context) ([]wire.ID, error) {
	var orders, deliveries []listed
	query := url.Values{"state": {"APPROVAL_PENDING", "CANCEL_PENDING", "REVISION_PENDING"}}
	if err := s.api.get(ctx, s.OrderURL+"/orders?"+query.Encode(), &orders); err != nil {
		return nil, err
	}
	query = url.Values{"state": {"PENDING", "SCHEDULED", "PICKED_UP"}}
	if err := s.api.get(ctx, s.DeliveryURL+"/deliveries?"+query.Encode(), &deliveries); err != nil {
		return nil, err
	}
	var ids []wire.ID
	seen := map[wire.ID]bool{}
	for _, l := range append(orders, deliveries...) {
		id := l.OrderID
		if id == "" {
			id = l.DeliveryInfo.ID
		}
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// resume puts the orders on the agenda that have not come to an end.
func (s *simulation) resume(ctx context.Context) error {
	ids, err := s.unfinished(ctx)
	if err == nil {
		s.adopt(ids)
		s.watch.next = time.Now().Add(s.pause())
	}
	return err
}

// heed puts the orders of others on the agenda that a look has found, and sets when to look again. A look that failed has
// found none.
func (s *simulation) heed(a answer) {
	if a.err != nil {
		s.Log.Debug("look for others' orders failed and will be tried again", "error", a.err)
	}
	s.watch.next = time.Now().Add(s.pause())
	s.adopt(s.watch.answered(a.found))
}

// adopt puts orders on the agenda of which it is not known how far they are.
func (s *simulation) adopt(ids []wire.ID) {
	for _, id := range ids {
		hash := fnv.New64a()
		hash.Write([]byte(id))
		random := rand.New(rand.NewPCG(uint64(s.Seed), hash.Sum64()))
		heap.Push(&s.agenda, &errand{due: time.Now(), stage: looking, id: id, random: random})
		s.watch.mine[id] = true
	}
	s.summary.Resumed += len(ids)
}

// pause returns how long to wait between two looks.
func (s *simulation) pause() time.Duration { return time.Duration(float64(interval) / s.Speed) }

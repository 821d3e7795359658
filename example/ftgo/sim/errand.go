package sim

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/viewgate/viewgate/wire"
)

// stage is what is to be done next for an order.
type stage int

const (
	ordering    stage = iota // the customer orders
	settling                 // the order's saga is under way: nobody does anything
	looking                  // nobody knows how far it is: look
	accepting                // the kitchen accepts the ticket
	preparing                // the kitchen begins
	approaching              // the courier comes near the restaurant
	finishing                // the kitchen is done
	fetching                 // the courier gets it from the kitchen
	taking                   // the courier says so
	driving                  // the courier is on the way
	delivering               // the courier is there

	// The ends.
	refused
	rejected
	cancelled
	delivered
)

// delays are the shortest and the longest wait before a stage, in seconds.
var delays = map[stage][2]float64{
	settling: {0.3, 0.6}, looking: {0.3, 0.6}, accepting: {1, 3}, preparing: {1, 3}, approaching: {1, 2},
	finishing: {2, 5}, fetching: {1, 3}, taking: {0.2, 0.5}, driving: {1, 2.5}, delivering: {0.5, 1.5},
}

// legs is how often a courier tells where they are on the way to the customer.
const legs = 3

// errand is one order on its way through the stages. While it is being advanced, it belongs to advance.
type errand struct {
	due      time.Time
	stage    stage
	after    stage // settling: the stage that follows an approval
	id       wire.ID
	random   *rand.Rand
	failures int  // of this step, in a row
	placed   bool // in the step just taken

	purchase purchase // until it is placed
	whim     whim
	whimAt   stage
	from, to wire.Location
	leg      int
}

// whim is what a customer comes to want besides the food.
type whim int

const (
	noWhim whim = iota
	cancelling
	revising
)

// newErrand returns an order that is to be placed.
func (s *simulation) newErrand(number int, due time.Time) *errand {
	e := &errand{due: due, stage: ordering, random: rand.New(rand.NewPCG(uint64(s.Seed), uint64(number)))}
	e.purchase = s.market.purchase(e.random, s.Now())
	e.from, e.to = s.market.locate(e.purchase.RestaurantID), home(e.purchase.ConsumerID)
	switch e.random.IntN(20) {
	case 0:
		e.whim = cancelling
	case 1:
		e.whim = revising
	}
	// Two in three come while the kitchen can still do something about it.
	e.whimAt = []stage{accepting, preparing, approaching}[e.random.IntN(3)]
	return e
}

// advance takes the errand's next step and says when the one after it is due. A step that failed is due again after a
// pause; one that was refused makes it look again.
func (s *simulation) advance(ctx context.Context, e *errand) {
	err := s.step(ctx, e)
	switch {
	case err == nil:
		e.failures = 0
	case errors.Is(err, errRefused):
		s.Log.Debug("step refused", "order", e.id, "error", err)
		e.stage, e.failures = looking, 0
	default:
		e.failures++
		pause := min(100*time.Millisecond<<min(e.failures, 5), longestPause)
		if ctx.Err() == nil {
			s.Log.Debug("step failed and will be tried again", "order", e.id, "pause", pause, "error", err)
		}
		e.due = time.Now().Add(pause)
		return
	}
	d := delays[e.stage]
	seconds := (d[0] + e.random.Float64()*(d[1]-d[0])) / s.Speed
	e.due = time.Now().Add(time.Duration(seconds * float64(time.Second)))
}

// step does what the errand's stage says and sets the next one.
func (s *simulation) step(ctx context.Context, e *errand) error {
	if e.whim != noWhim && e.stage == e.whimAt {
		return s.indulge(ctx, e)
	}
	ticket, delivery := s.KitchenURL+"/tickets/"+string(e.id), s.DeliveryURL+"/deliveries/"+string(e.id)
	switch e.stage {
	case ordering:
		return s.place(ctx, e)
	case settling:
		return s.settle(ctx, e)
	case looking:
		return s.look(ctx, e)
	case accepting:
		ready := wire.At(s.Now().Add(time.Duration(10+e.random.IntN(16)) * time.Minute))
		return s.do(ctx, e, ticket+"/accept", map[string]any{"readyBy": ready}, preparing)
	case preparing:
		return s.do(ctx, e, ticket+"/preparing", nil, approaching)
	case approaching:
		err := s.do(ctx, e, delivery+"/location", e.position(0.05), finishing)
		if errors.Is(err, errRefused) { // no courier yet: the kitchen does not wait for that
			e.stage, err = finishing, nil
		}
		return err
	case finishing:
		return s.do(ctx, e, ticket+"/ready", nil, fetching)
	case fetching:
		return s.do(ctx, e, ticket+"/pickup", nil, taking)
	case taking:
		e.leg = 0
		return s.do(ctx, e, delivery+"/pickup", nil, driving)
	case driving:
		next := driving
		if e.leg+1 >= legs {
			next = delivering
		}
		err := s.do(ctx, e, delivery+"/location", e.position(float64(e.leg+1)/legs), next)
		if err == nil {
			e.leg++
		}
		return err
	default:
		return s.do(ctx, e, delivery+"/delivered", nil, delivered)
	}
}

// do posts to a service and goes on to the next stage if it agrees.
func (s *simulation) do(ctx context.Context, e *errand, url string, body any, next stage) error {
	err := s.api.post(ctx, url, body, nil)
	if err == nil {
		e.stage = next
	}
	return err
}

// position returns where the courier is when this much of the way is done, in steps of a metre.
func (e *errand) position(done float64) wire.Location {
	between := func(from, to float64) float64 { return math.Round((from+(to-from)*done)*1e5) / 1e5 }
	return wire.Location{
		Latitude: between(e.from.Latitude, e.to.Latitude), Longitude: between(e.from.Longitude, e.to.Longitude),
	}
}

func (s *simulation) place(ctx context.Context, e *errand) error {
	var receipt struct {
		OrderID wire.ID `json:"orderId"`
	}
	err := s.api.post(ctx, s.OrderURL+"/orders", e.purchase, &receipt)
	if errors.Is(err, errRefused) {
		s.Log.Warn("order refused", "error", err)
		e.stage = refused
		return nil
	}
	if err != nil {
		return err // perhaps it was placed all the same: then a customer who got no answer has ordered twice
	}
	e.id, e.placed = receipt.OrderID, true
	e.stage, e.after = settling, accepting
	return nil
}

// indulge lets the customer have their whim. It may be too late for it.
func (s *simulation) indulge(ctx context.Context, e *errand) error {
	order := s.OrderURL + "/orders/" + string(e.id)
	var err error
	if e.whim == cancelling {
		err = s.api.post(ctx, order+"/cancel", nil, nil)
	} else {
		more := []line{{e.purchase.LineItems[0].MenuItemID, e.purchase.LineItems[0].Quantity + 1}}
		err = s.api.post(ctx, order+"/revise", map[string]any{"revisedOrderLineItems": more}, nil)
	}
	if err != nil && !errors.Is(err, errRefused) {
		return err
	}
	e.whim = noWhim
	e.stage, e.after = settling, e.stage
	return nil
}

// settle waits until the order's saga has come to an end.
func (s *simulation) settle(ctx context.Context, e *errand) error {
	state, err := s.orderState(ctx, e)
	if err != nil {
		return err
	}
	switch state {
	case "APPROVED":
		e.stage = e.after
	case "REJECTED":
		e.stage = rejected
	case "CANCELLED":
		e.stage = cancelled
	}
	return nil
}

// look finds out how far the order is.
func (s *simulation) look(ctx context.Context, e *errand) error {
	state, err := s.orderState(ctx, e)
	if err != nil {
		return err
	}
	if state != "APPROVED" {
		e.stage, e.after = settling, looking
		return nil
	}
	var ticket struct {
		State string `json:"state"`
	}
	if err := s.api.get(ctx, s.KitchenURL+"/tickets/"+string(e.id), &ticket); err != nil {
		return err
	}
	var delivery struct {
		DeliveryInfo struct {
			State string `json:"state"`
		} `json:"deliveryInfo"`
	}
	if err := s.api.get(ctx, s.DeliveryURL+"/deliveries/"+string(e.id), &delivery); err != nil {
		return err
	}
	e.stage = stageOf(ticket.State, delivery.DeliveryInfo.State)
	return nil
}

// stageOf returns what is to be done for an approved order whose ticket and delivery are in these states.
func stageOf(ticket, delivery string) stage {
	switch delivery {
	case "DELIVERED":
		return delivered
	case "CANCELLED":
		return cancelled
	case "PICKED_UP":
		return driving
	}
	switch ticket {
	case "AWAITING_ACCEPTANCE":
		return accepting
	case "ACCEPTED":
		return preparing
	case "PREPARING":
		return approaching
	case "READY_FOR_PICKUP":
		return fetching
	case "PICKED_UP":
		return taking
	case "CANCELLED":
		return cancelled
	}
	return looking
}

// orderState asks for the order's state, and notes where it comes from and goes to.
func (s *simulation) orderState(ctx context.Context, e *errand) (string, error) {
	var order struct {
		State        string  `json:"state"`
		ConsumerID   wire.ID `json:"consumerId"`
		RestaurantID wire.ID `json:"restaurantId"`
	}
	if err := s.api.get(ctx, s.OrderURL+"/orders/"+string(e.id), &order); err != nil {
		return "", err
	}
	e.from, e.to = s.market.locate(order.RestaurantID), home(order.ConsumerID)
	return order.State, nil
}

package ftgo

import (
	"net/http"
	"strconv"

	"github.com/shopspring/decimal"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/wire"
)

// The bill's states.
const (
	billAuthorized = "AUTHORIZED"
	billFailed     = "AUTHORIZATION_FAILED"
	billReversed   = "REVERSED"
	billRevised    = "REVISED"
)

// The example's cards. One in twenty-five consumers has a card that has expired, and no card is good for more than the
// limit: with the simulator's customers some 4 % of the authorizations fail, the same ones in every run.
const (
	expiredCards = 25 // the card of every consumer whose id is a multiple
	cardLimit    = 150
)

// checkCard returns why a card is refused, "" where it is good for the amount.
func checkCard(consumer wire.ID, amount wire.Money) string {
	if n, err := strconv.ParseUint(string(consumer), 10, 64); err == nil && n%expiredCards == 0 {
		return "card has expired"
	}
	if amount.GreaterThan(decimal.NewFromInt(cardLimit)) {
		return "amount is over the card's limit"
	}
	return ""
}

// accounting is the Accounting service: one bill an order, with the order's id.
type accounting struct{ resource[bill] }

type bill struct {
	State      string     `json:"state"`
	ConsumerID wire.ID    `json:"consumerId"`
	Amount     wire.Money `json:"amount"`
	Refused    string     `json:"refused,omitempty"`  // why the card was
	Revision   uint64     `json:"revision,omitempty"` // the last one made
}

// billAnswer is what GET /bills/{id} answers.
type billAnswer struct {
	OrderID wire.ID    `json:"orderId"`
	State   string     `json:"state"`
	Amount  wire.Money `json:"amount"`
	Version uint64     `json:"version"`
}

func newAccounting(st *store) *accounting {
	return &accounting{resource[bill]{
		aggregates: aggregates[bill]{st, event.Account},
		show: func(r record[bill]) any {
			return billAnswer{OrderID: r.ID, State: r.State.State, Amount: r.State.Amount, Version: r.Version}
		},
	}}
}

// The changes are the sagas' and can be asked for again: what has been done is not done twice.
func (s *accounting) routes(a *api) {
	a.handle("GET /bills", s.getMany)
	a.handle("GET /bills/{id}", s.getOne)
	a.handle("PUT /bills/{id}", s.authorize)
	a.handle("POST /bills/{id}/reverse", s.step(reverse))
	a.handle("PUT /bills/{id}/revisions/{revision}", s.revise)
}

// authorizeRequest is the body of PUT /bills/{id}.
type authorizeRequest struct {
	ConsumerID wire.ID    `json:"consumerId"`
	Amount     wire.Money `json:"amount"`
}

// authorize makes the bill. A refused card makes one too, and answers 409.
func (s *accounting) authorize(r *http.Request) (reply, error) {
	body, err := decode[authorizeRequest](r)
	if err != nil {
		return reply{}, err
	}
	made, err := s.put(pathID(r), func(e *edit[bill]) error {
		if e.found {
			return nil
		}
		e.State = bill{ConsumerID: body.ConsumerID, Amount: body.Amount, Refused: checkCard(body.ConsumerID, body.Amount)}
		if e.State.Refused != "" {
			e.State.State = billFailed
			return e.emit(event.AccountAuthorizationFailed{Authorization: authorization(e)})
		}
		e.State.State = billAuthorized
		return e.emit(event.AccountAuthorizedEvent{Authorization: authorization(e)})
	})
	if err == nil && made.State.Refused != "" {
		err = conflict(made.State.State, "%s", made.State.Refused)
	}
	return s.reply(made), err
}

func reverse(e *edit[bill]) error {
	switch e.State.State {
	case billReversed:
		return nil
	case billFailed:
		return conflict(e.State.State, "nothing was authorized")
	}
	e.State.State = billReversed
	return e.emit(event.AuthorizationReversed{Authorization: authorization(e)})
}

// revisionRequest is the body of PUT /bills/{id}/revisions/{revision}.
type revisionRequest struct {
	Amount wire.Money `json:"amount"`
}

// revise authorizes another amount. The revision's number says which one is asked for, so that it is made once.
func (s *accounting) revise(r *http.Request) (reply, error) {
	revision, err := revisionNumber(r)
	if err != nil {
		return reply{}, err
	}
	return stepWith(s.resource, func(e *edit[bill], body revisionRequest) error {
		if e.State.Revision >= revision {
			return nil
		}
		if s := e.State.State; s != billAuthorized && s != billRevised {
			return conflict(s, "nothing is authorized")
		}
		if why := checkCard(e.State.ConsumerID, body.Amount); why != "" {
			return conflict(e.State.State, "%s", why)
		}
		e.State.State, e.State.Amount, e.State.Revision = billRevised, body.Amount, revision
		return e.emit(event.AuthorizationRevised{Authorization: authorization(e)})
	})(r)
}

func authorization(e *edit[bill]) event.Authorization {
	return event.Authorization{OrderID: e.ID, ConsumerID: e.State.ConsumerID, Amount: e.State.Amount}
}

// revisionNumber returns the number of a revision that a path names.
func revisionNumber(r *http.Request) (uint64, error) {
	n, err := strconv.ParseUint(r.PathValue("revision"), 10, 64)
	if err != nil || n == 0 {
		return 0, invalid("a revision is a whole number of 1 or more")
	}
	return n, nil
}

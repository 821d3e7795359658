package ftgo

import (
	"net/http"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/wire"
)

// consumers is the Consumer service: who may order.
type consumers struct{ resource[consumer] }

type consumer struct {
	Name event.PersonName `json:"name"`
}

// consumerAnswer is what GET /consumers/{id} answers.
type consumerAnswer struct {
	ConsumerID wire.ID          `json:"consumerId"`
	Name       event.PersonName `json:"name"`
}

func newConsumers(st *store) *consumers {
	return &consumers{resource[consumer]{
		aggregates: aggregates[consumer]{st, event.Consumer},
		show: func(r record[consumer]) any {
			return consumerAnswer{ConsumerID: r.ID, Name: r.State.Name}
		},
	}}
}

func (s *consumers) routes(a *api) {
	a.handle("GET /consumers", s.list)
	a.handle("GET /consumers/{id}", s.getOne)
	a.handle("POST /consumers", s.create)
}

// list answers all consumers, or those of ?id=.
func (s *consumers) list(r *http.Request) (reply, error) {
	if r.URL.Query().Has("id") {
		return s.getMany(r)
	}
	found, err := s.all(func(*record[consumer]) bool { return true })
	if err != nil {
		return reply{}, err
	}
	return s.resource.list(found), nil
}

// create takes {name: {firstName, lastName}}.
func (s *consumers) create(r *http.Request) (reply, error) {
	body, err := decode[consumer](r)
	if err != nil {
		return reply{}, err
	}
	if body.Name.FirstName == "" || body.Name.LastName == "" {
		return reply{}, invalid("name needs a firstName and a lastName")
	}
	made, err := s.open(body)
	if err != nil {
		return reply{}, err
	}
	answer := s.reply(made)
	answer.status, answer.location = http.StatusCreated, "/consumers/"+string(made.ID)
	return answer, nil
}

func (s *consumers) open(c consumer) (record[consumer], error) {
	return s.add(1, func(e *edit[consumer]) error {
		e.State = c
		return e.emit(event.ConsumerCreated{Name: &c.Name})
	})
}

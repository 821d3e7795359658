package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/verify"
)

// healer asks the owners for the parts of documents that miss events.
type healer struct {
	owners verify.Owners
	parts  map[event.Aggregate]string // their names
}

// healer returns how to heal the view that the projection makes, nil where no owner of its parts is configured.
func (d definition) healer(owners *compose.Owners, p projection.Projection) indexer.Healer {
	if !d.owned(owners) {
		return nil
	}
	h := healer{d.ask(owners), map[event.Aggregate]string{}}
	for _, part := range p.New("").Parts() {
		h.parts[part.Aggregate] = part.Name
	}
	return h
}

// Ask implements indexer.Healer.
func (h healer) Ask(ctx context.Context, id string, aggregates []event.Aggregate) (json.RawMessage, error) {
	var parts []string
	for _, a := range aggregates {
		parts = append(parts, h.parts[a])
	}
	told := h.owners.Ask(ctx, map[string][]string{id: parts})[id]
	if told.Document != nil { // what one owner told is worth having, whatever became of the others
		return told.Document, nil
	}
	err := errors.New("the owners know nothing of it")
	for _, failed := range told.Failed {
		err = failed
	}
	return nil, err
}

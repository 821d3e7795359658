package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/graph"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/wire"
)

// shop lets the demo's pages change orders as a customer would. The services that own them listen on ports of their own, and
// pages may ask no other origin than theirs, so the gateway hands a few requests on. Only the demo does.
type shop struct {
	orders    string // URLs of the services
	consumers string
	client    *http.Client
}

const (
	maxPurchase = 64 << 10 // bytes of a request's body, as the Order service has it
	maxReceipt  = 1 << 20  // bytes of an answer
)

func newShop(orders, consumers string) *shop {
	return &shop{orders, consumers, &http.Client{Timeout: 10 * time.Second}}
}

// route adds what can be asked:
//
//	GET  /demo/consumers            who may order: [{consumerId, name: {firstName, lastName}}]
//	POST /demo/orders               {consumerId, restaurantId, deliveryAddress, lineItems: [{menuItemId, quantity}]}
//	POST /demo/orders/{id}/cancel   {}
//	POST /demo/orders/{id}/revise   {revisedOrderLineItems: [{menuItemId, quantity}]}
//
// The last three answer {orderId, version}, which are an argument seen of what is read next; or why not, as {error, state}. A
// consumer changes their own orders, and support everybody's.
func (s *shop) route(mux *http.ServeMux, graphql *graph.Handler, guarded func(http.Handler) http.Handler) {
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request, view.Viewer){
		"GET /demo/consumers":           s.list,
		"POST /demo/orders":             s.place,
		"POST /demo/orders/{id}/cancel": s.change("cancel"),
		"POST /demo/orders/{id}/revise": s.change("revise"),
	} {
		mux.Handle(pattern, guarded(graphql.Beside("demo", func(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
			if _, isConsumer := who.Viewer.Is(view.RoleConsumer); !isConsumer && !who.Viewer.SeesAll() {
				return fmt.Errorf("%w: consumers order, and support for them", auth.ErrForbidden)
			}
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Content-Type", "application/json")
			serve(w, r, who.Viewer)
			return nil
		})))
	}
}

// list answers the consumers for whom the viewer may order.
func (s *shop) list(w http.ResponseWriter, r *http.Request, who view.Viewer) {
	from := s.consumers + "/consumers"
	if id, isConsumer := who.Is(view.RoleConsumer); isConsumer {
		from += "?id=" + url.QueryEscape(id)
	}
	s.forward(w, r, from, nil)
}

func (s *shop) place(w http.ResponseWriter, r *http.Request, who view.Viewer) {
	body, ok := purchaseOf(w, r)
	if !ok {
		return
	}
	if id, isConsumer := who.Is(view.RoleConsumer); isConsumer && !ofConsumer(body, id) {
		refuseInShop(w, http.StatusForbidden, "consumers order for themselves: consumerId is not yours")
		return
	}
	s.forward(w, r, s.orders+"/orders", body)
}

// change returns how an order is cancelled or revised. One of somebody else is as one that there is not.
func (s *shop) change(how string) func(http.ResponseWriter, *http.Request, view.Viewer) {
	return func(w http.ResponseWriter, r *http.Request, who view.Viewer) {
		body, ok := purchaseOf(w, r)
		if !ok {
			return
		}
		order := s.orders + "/orders/" + url.PathEscape(r.PathValue("id"))
		if id, isConsumer := who.Is(view.RoleConsumer); isConsumer {
			status, answer, err := s.ask(r.Context(), http.MethodGet, order, nil)
			switch {
			case err != nil:
				refuseInShop(w, http.StatusBadGateway, unreached)
				return
			case status != http.StatusOK || !ofConsumer(answer, id):
				refuseInShop(w, http.StatusNotFound, "not found")
				return
			}
		}
		s.forward(w, r, order+"/"+how, body)
	}
}

// ofConsumer reports whether an order, or what is to be one, is this consumer's.
func ofConsumer(order []byte, id string) bool {
	var is struct{ ConsumerID wire.ID }
	return json.Unmarshal(order, &is) == nil && string(is.ConsumerID) == id
}

// purchaseOf returns a request's body, or has refused it. No form of another page can be JSON, so nobody's browser orders unasked.
func purchaseOf(w http.ResponseWriter, r *http.Request) (body []byte, ok bool) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		refuseInShop(w, http.StatusUnsupportedMediaType, "send Content-Type: application/json")
		return nil, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPurchase))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		refuseInShop(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", maxPurchase))
	case err != nil:
		refuseInShop(w, http.StatusBadRequest, "the body cannot be read")
	}
	return body, err == nil
}

// unreached is what a client is told of a service that does not answer.
const unreached = "the service cannot be asked now"

// forward asks a service, and answers what it does.
func (s *shop) forward(w http.ResponseWriter, r *http.Request, to string, body []byte) {
	status, answer, err := s.ask(r.Context(), r.Method, to, body)
	if err != nil {
		refuseInShop(w, http.StatusBadGateway, unreached)
		return
	}
	w.WriteHeader(status)
	w.Write(answer)
}

// ask sends a service a request, with nothing of the client's but the body, and returns what it answers.
func (s *shop) ask(ctx context.Context, method, to string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxReceipt))
	return response.StatusCode, answer, err
}

// refuseInShop answers in the form of the example's services.
func refuseInShop(w http.ResponseWriter, status int, why string) {
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": why})
}

// Package ftgo is an example, not a part of viewgate: the six services of a food-to-go company (Order, Kitchen, Delivery,
// Accounting, Restaurant and Consumer), each with a REST API, a database file of its own and an outbox from which its
// domain events go to Kafka. They exist so that there is something to keep views of, and so that tests of lag, loss and
// healing have owners whose truth is known.
//
// The services run in one process but share nothing: what one wants of another it asks for over HTTP. The Order service
// orchestrates the sagas that create, cancel and revise an order.
//
// For anybody:
//
//	order       GET  /orders/{id}   GET /orders?id=   GET /orders?consumerId=&state=&since=
//	            POST /orders   POST /orders/{id}/cancel   POST /orders/{id}/revise
//	kitchen     GET  /tickets/{id}   GET /tickets?id=
//	delivery    GET  /deliveries/{id}   GET /deliveries?id=   GET /deliveries?state=
//	accounting  GET  /bills/{id}   GET /bills?id=
//	restaurant  GET  /restaurants/{id}   GET /restaurants   GET /restaurants?id=
//	            POST /restaurants   PUT /restaurants/{id}/menu
//	consumer    GET  /consumers/{id}   GET /consumers   GET /consumers?id=   POST /consumers
//
// For cooks and couriers:
//
//	kitchen     POST /tickets/{id}/accept {readyBy}, /preparing, /ready, /pickup
//	delivery    POST /deliveries/{id}/location {latitude, longitude}, /pickup, /delivered
//
// An answer shows what the aggregate's events told and nothing else, so a ticket that its saga has not confirmed, which
// has no event, is not found. Ids may be given several times (?id=1&id=2); unknown ones are left out of a list. A version
// is the number of the aggregate's events, in the body and as ETag. An error is {error}, and a 409 also has the state.
package ftgo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// Service names one of the six services.
type Service string

// The six services.
const (
	ConsumerService   Service = "consumer"
	OrderService      Service = "order"
	KitchenService    Service = "kitchen"
	RestaurantService Service = "restaurant"
	AccountingService Service = "accounting"
	DeliveryService   Service = "delivery"
)

// ports are the services in the order in which they start, with what is added to Options.Port for each. With a port of
// 8081 they are where food to go has them.
var ports = []struct {
	service Service
	offset  int
}{
	{ConsumerService, 0}, {OrderService, 1}, {KitchenService, 2}, {RestaurantService, 3}, {AccountingService, 4},
	{DeliveryService, 8},
}

// Options configure the services. The zero Options publish nothing and listen on free ports.
type Options struct {
	// Brokers are Kafka's bootstrap addresses. Without any, events stay in the outboxes.
	Brokers []string
	// Port is the first port on 127.0.0.1: consumer has Port, order +1, kitchen +2, restaurant +3, accounting +4,
	// delivery +8. 0: free ones.
	Port int
	// NoSync leaves out the fsync of every transaction: much faster, and a power failure may lose or damage the files.
	NoSync bool
	// Now is the clock of all six services; nil: time.Now. Events and answers show its time in UTC, in milliseconds.
	Now func() time.Time
	// Log gets failures of publishing and of sagas' steps; nil: slog.Default().
	Log *slog.Logger

	// OutboxDelay says how long after its commit an event is published at the earliest. Events behind it wait too. It is
	// asked again every few milliseconds while an event waits, so that a test can let go. nil: at once.
	OutboxDelay func(Message) time.Duration
	// OutboxDrop says which events are lost: taken from the outbox without being published. nil: none.
	OutboxDrop func(Message) bool
	// Intercept wraps each service's handler, so that tests can make an owner slow or let it fail. nil: none.
	Intercept func(Service, http.Handler) http.Handler
}

// Services are the six services. New opens them, Run serves, Close closes their files.
type Services struct {
	members []*member
	client  *http.Client // with which they ask each other
	log     *slog.Logger
}

// member is one service as Run sees it.
type member struct {
	service  Service
	store    *store
	listener net.Listener
	handler  http.Handler
	perform  func(context.Context, task) error // nil for a service that has no tasks
	relay    *relay                            // nil where nothing is published
}

// New opens the services' files in dir, which is made if it is missing, and listens on their ports. Requests are answered
// once Run runs. A first start in dir makes the example's restaurants and consumers, with their events.
func New(dir string, options Options) (*Services, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("ftgo: %w", err)
	}
	s := &Services{client: newClient(), log: options.Log}
	for _, p := range ports {
		port := 0
		if options.Port != 0 {
			port = options.Port + p.offset
		}
		m, err := open(dir, p.service, port, options)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("ftgo: %s service: %w", p.service, err), s.Close())
		}
		s.members = append(s.members, m)
	}
	if err := s.wire(options); err != nil {
		return nil, errors.Join(fmt.Errorf("ftgo: %w", err), s.Close())
	}
	return s, nil
}

func open(dir string, service Service, port int, options Options) (*member, error) {
	st, err := openStore(filepath.Join(dir, string(service)+".db"), options.Now, options.NoSync)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, errors.Join(err, st.close())
	}
	m := &member{service: service, store: st, listener: listener}
	if len(options.Brokers) > 0 {
		m.relay = &relay{
			outbox: st, brokers: options.Brokers, delay: options.OutboxDelay, drop: options.OutboxDrop,
			log: options.Log.With("service", service),
		}
	}
	return m, nil
}

// wire gives every service its handler and tells it where the others are.
func (s *Services) wire(options Options) error {
	log := func(service Service) *slog.Logger { return s.log.With("service", service) }
	peer := func(service Service) peer { return peer{base: s.URL(service), http: s.client} }

	consumers := newConsumers(s.member(ConsumerService).store)
	restaurants := newRestaurants(s.member(RestaurantService).store)
	kitchen := newKitchen(s.member(KitchenService).store, peer(DeliveryService))
	deliveries := newDeliveries(s.member(DeliveryService).store)
	accounting := newAccounting(s.member(AccountingService).store)
	orders := newOrders(s.member(OrderService).store, orderPeers{
		consumers: peer(ConsumerService), restaurants: peer(RestaurantService), kitchen: peer(KitchenService),
		accounting: peer(AccountingService), deliveries: peer(DeliveryService),
	})
	routes := map[Service]func(*api){
		ConsumerService: consumers.routes, RestaurantService: restaurants.routes, KitchenService: kitchen.routes,
		DeliveryService: deliveries.routes, AccountingService: accounting.routes, OrderService: orders.routes,
	}
	for _, m := range s.members {
		a := newAPI(log(m.service))
		routes[m.service](a)
		m.handler = a.mux
		if options.Intercept != nil {
			m.handler = options.Intercept(m.service, a.mux)
		}
	}
	s.member(OrderService).perform = orders.perform
	s.member(KitchenService).perform = kitchen.perform
	return errors.Join(consumers.seed(), restaurants.seed())
}

func (s *Services) member(service Service) *member {
	for _, m := range s.members {
		if m.service == service {
			return m
		}
	}
	return nil
}

// URL returns a service's base URL, without a slash at its end.
func (s *Services) URL(service Service) string {
	return "http://" + s.member(service).listener.Addr().String()
}

// shutdownGrace is how long requests under way may take to end. It is short because a connection on which nothing was asked
// yet counts as one under way, and clients open such to be quick.
const shutdownGrace = 500 * time.Millisecond

// Run serves the six APIs, publishes what the outboxes hold and drives the sagas, until ctx ends or a server fails. It
// returns when all its goroutines have ended, nil where ctx ended it. What was not published and the sagas that were under
// way go on with the next Run on the same directory. Run is called once.
func (s *Services) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, m := range s.members {
		server := &http.Server{
			Handler: m.handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
			IdleTimeout: time.Minute,
		}
		g.Go(func() error {
			if err := server.Serve(m.listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("ftgo: %s service: %w", m.service, err)
			}
			return nil
		})
		g.Go(func() error {
			<-ctx.Done()
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
			defer cancel()
			if err := server.Shutdown(grace); err != nil {
				return server.Close()
			}
			return nil
		})
		if m.relay != nil {
			g.Go(func() error { m.relay.run(ctx); return nil })
		}
		if m.perform != nil {
			g.Go(func() error { return m.store.runTasks(ctx, m.perform, s.log.With("service", m.service)) })
		}
	}
	return g.Wait()
}

// Close closes the listeners and the files. Run must have returned.
func (s *Services) Close() error {
	s.client.CloseIdleConnections()
	var errs []error
	for _, m := range s.members {
		if err := m.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
		errs = append(errs, m.store.close())
	}
	return errors.Join(errs...)
}

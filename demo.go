package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/example/broker"
	"github.com/viewgate/viewgate/example/ftgo"
	"github.com/viewgate/viewgate/example/ftgo/sim"
	"github.com/viewgate/viewgate/indexer"
)

// demoReadyLag is how far the demo's views may be behind: more than they ever are, unless the machine is held up.
const demoReadyLag = 30 * time.Second

// demoSettings are what demo can be told beside what serve can.
type demoSettings struct {
	brokerAddr   string
	servicesPort int
	orders       int
	rate         float64
	speed        float64
	seed         int64
}

// demoVerifyRate is how many documents a second are compared with their owners, so that drift would be seen. It is what costs
// little beside the simulated orders.
const demoVerifyRate = 5

// check reports what the demo cannot do.
func (d demoSettings) check() error {
	positive := func(v float64) bool { return v > 0 && !math.IsInf(v, 1) } // which NaN is not either
	switch {
	case d.orders < -1:
		return usageError{fmt.Errorf("--orders %d: neither a number of orders nor -1, for no end", d.orders)}
	case !positive(d.rate):
		return usageError{fmt.Errorf("--rate %g: not a number above 0; --orders 0 simulates none", d.rate)}
	case !positive(d.speed):
		return usageError{fmt.Errorf("--speed %g: not a number above 0", d.speed)}
	}
	return nil
}

// demo runs a broker, the example services, a simulation of their customers, and viewgate over them, until ctx ends.
func demo(ctx context.Context, c console, s settings, d demoSettings) error {
	if err := d.check(); err != nil {
		return err
	}
	logger, err := newLogger(c.err, s.logLevel)
	if err != nil {
		return err
	}
	dir, temporary, remove, err := dataDir(s.data)
	if err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	defer remove()

	var topics []string
	for _, source := range event.DefaultSources() {
		topics = append(topics, source.Topic)
	}
	b, err := broker.Start(broker.Options{
		Addr: d.brokerAddr, FallbackPort: d.brokerAddr == "", Dir: filepath.Join(dir, "broker"), Topics: topics, Log: logger,
	})
	if err != nil {
		return fmt.Errorf("broker (--broker-addr): %w", err)
	}
	defer b.Close()
	services, err := ftgo.New(filepath.Join(dir, "services"), ftgo.Options{
		Brokers: []string{b.Addr()}, Port: d.servicesPort, NoSync: temporary, Log: logger,
	})
	if err != nil {
		return fmt.Errorf("example services (--services-port): %w", err)
	}
	defer services.Close()

	if s.auth.mode == authDemo {
		if s.auth.demo, err = auth.NewIssuer("viewgate demo"); err != nil {
			return fmt.Errorf("--auth demo: %w", err)
		}
	}
	s.role, s.group, s.kafka = roleAll, "viewgate", indexer.Connection{Brokers: []string{b.Addr()}}
	s.data, s.temporary = dir, temporary
	s.readyLag = demoReadyLag
	s.owners = compose.Options{
		Order:      services.URL(ftgo.OrderService),
		Kitchen:    services.URL(ftgo.KitchenService),
		Delivery:   services.URL(ftgo.DeliveryService),
		Accounting: services.URL(ftgo.AccountingService),
		Restaurant: services.URL(ftgo.RestaurantService),
		Consumer:   services.URL(ftgo.ConsumerService),
	}
	s.shop = newShop(s.owners.Order, s.owners.Consumer)
	s.verifyRate = demoVerifyRate
	a, err := assemble(ctx, s, logger)
	if err != nil {
		return err
	}
	defer a.close()

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return services.Run(ctx) })
	group.Go(func() error {
		orders := d.orders
		if orders < 0 {
			orders = math.MaxInt
		}
		_, err := sim.Run(ctx, sim.Options{
			Orders: orders, Linger: true, Rate: d.rate, Seed: d.seed, Speed: d.speed, Log: logger,
			OrderURL: s.owners.Order, KitchenURL: s.owners.Kitchen, DeliveryURL: s.owners.Delivery,
			RestaurantURL: s.owners.Restaurant, ConsumerURL: s.owners.Consumer,
		})
		return err
	})
	group.Go(func() error {
		return a.run(ctx, func(addr string) { welcome(c.out, addr, b.Addr(), s, d, temporary) })
	})
	return group.Wait()
}

// welcome says where to look.
func welcome(w io.Writer, addr, brokerAddr string, s settings, d demoSettings, temporary bool) {
	kept := "in " + s.data
	if temporary {
		kept = "until it stops (--data DIR keeps it)"
	}
	customers := fmt.Sprintf("%g orders a second (--rate, --orders, --seed)", d.rate)
	switch {
	case d.orders == 0:
		customers = "none (--orders 0)"
	case d.orders > 0:
		customers = fmt.Sprintf("%d orders, %g a second (--orders, --rate, --seed)", d.orders, d.rate)
	}
	tokens, token := "none, everybody sees everything (--auth demo)", ""
	if s.auth.demo != nil {
		tokens = fmt.Sprintf("http://%s/demo/token?role=support, ?role=consumer&id=ID, ?role=restaurant&id=ID", addr)
		token = fmt.Sprintf(" \\\n    -H \"Authorization: Bearer $(curl -s 'http://%s/demo/token?role=support')\"", addr)
	}
	pages := fmt.Sprintf("  Orders       http://%[1]s/\n  Views        http://%[1]s/?tab=views\n", addr)
	if s.hasPlayground() {
		pages += fmt.Sprintf("  Playground   http://%s/playground\n", addr)
	}
	fmt.Fprintf(w, `viewgate demo: food to go, an example, in one process

%[13]s  GraphQL      http://%[1]s/graphql
  Metrics      http://%[1]s/metrics
  Kafka        %[2]s
  Services     order %[3]s, kitchen %[4]s, delivery %[5]s,
               accounting %[6]s, restaurant %[7]s, consumer %[8]s
  Customers    %[9]s
  You          POST %[3]s/orders, or as below: what you order is cooked and delivered, too
  Kept         %[10]s
  Tokens       %[11]s

Things to paste:

  curl -s http://%[1]s/graphql -H 'Content-Type: application/json'%[12]s \
    -d '{"query":"{ orderHistory(query: \"chicken\", first: 3) { total { count } nodes { orderId status restaurant { name } } } }"}'

  curl -s http://%[1]s/graphql -H 'Content-Type: application/json'%[12]s \
    -d '{"query":"{ order(id: \"1000000\", freshness: {mode: FRESH}) { status ticket { state } delivery { state } timeline { type at } } }"}'

  curl -s http://%[1]s/graphql -H 'Content-Type: application/json'%[12]s \
    -d '{"query":"{ availableRestaurants(near: {latitude: 37.80, longitude: -122.27}, query: \"soup\") { edges { distanceKm node { name } } } }"}'

An order of your own, which answers {"orderId":ID,"version":1}, and then, with that ID, a read that has it for certain:

  curl -s http://%[1]s/demo/orders -H 'Content-Type: application/json'%[12]s \
    -d '{"consumerId":7,"restaurantId":1,"deliveryAddress":{"street1":"1 A Street","city":"Oakland"},"lineItems":[{"menuItemId":"1","quantity":2}]}'

  curl -s http://%[1]s/graphql -H 'Content-Type: application/json'%[12]s \
    -d '{"query":"{ order(id: \"ID\", freshness: {mode: AT_LEAST, seen: [{aggregate: ORDER, id: \"ID\", version: 1}]}) { status } }"}'

Ctrl-C stops it.
`, addr, brokerAddr, s.owners.Order, s.owners.Kitchen, s.owners.Delivery, s.owners.Accounting, s.owners.Restaurant,
		s.owners.Consumer, customers, kept, tokens, token, pages)
}

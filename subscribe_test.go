package main

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// TestSubscribe follows the demo's orders from the placing to the delivery, and is told to connect again when it stops.
func TestSubscribe(t *testing.T) {
	p := start(t, nil, "demo", "--addr", "127.0.0.1:0", "--broker-addr", "127.0.0.1:0", "--services-port", "0",
		"--data", t.TempDir(), "--rate", "4", "--speed", "60")
	p.waitForURL()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, p.url+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	send := func(message string) {
		t.Helper()
		if err := conn.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	send(`{"type": "connection_init"}`)
	send(`{"type": "subscribe", "id": "1", "payload": {"query":
		"subscription { ordersChanged(first: 0) { orderId status version ticket { version } delivery { version } bill { version } } }"}}`)
	type part struct{ Version int }
	type order struct {
		OrderID, Status        string
		Version                int
		Ticket, Delivery, Bill part
	}
	seen := map[string]order{}
	for delivered := 0; delivered < 3; {
		var message struct {
			Type    string
			Payload struct {
				Data       struct{ OrdersChanged order }
				Errors     json.RawMessage
				Extensions struct{ Matches bool }
			}
		}
		if err := wsjson.Read(ctx, conn, &message); err != nil {
			t.Fatal(err)
		}
		if message.Type == "connection_ack" {
			continue
		}
		now := message.Payload.Data.OrdersChanged
		before, again := seen[now.OrderID]
		older := now.Version < before.Version || now.Ticket.Version < before.Ticket.Version ||
			now.Delivery.Version < before.Delivery.Version || now.Bill.Version < before.Bill.Version
		if message.Payload.Errors != nil || !message.Payload.Extensions.Matches || now == before || older {
			t.Fatalf("%+v after %+v", message, before)
		}
		seen[now.OrderID] = now
		if now.Status == "DELIVERED" && again && before.Status != now.Status {
			delivered++
		}
	}
	go p.cancel()
	for err == nil {
		_, _, err = conn.Read(ctx)
	}
	if code := websocket.CloseStatus(err); code != websocket.StatusGoingAway {
		t.Errorf("closed with %d, %v", code, err)
	}
	if code := p.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

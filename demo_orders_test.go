package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestDemoOrders: the demo's pages change orders as their customers, and read what they have written. Nobody changes another's.
func TestDemoOrders(t *testing.T) {
	p := start(t, nil, "demo", "--addr", "127.0.0.1:0", "--broker-addr", "127.0.0.1:0", "--services-port", "0", "--orders", "0",
		"--auth", "demo", "--speed", "0.01") // no kitchen is quicker than the customer
	p.waitForURL()
	send := func(method, path, token, kind, body string, into any) int {
		t.Helper()
		request, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", kind)
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if into != nil {
			if err := json.Unmarshal(text, into); err != nil {
				t.Fatalf("%s %s answers %d, %s: %v", method, path, response.StatusCode, text, err)
			}
		}
		return response.StatusCode
	}
	token := func(query string) string {
		t.Helper()
		response, err := http.Get(p.url + "/demo/token?" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("no token for %s: %s, %v", query, text, err)
		}
		return string(text)
	}
	const js = "application/json"
	support, consumer, other := token("role=support"), token("role=consumer&id=1"), token("role=consumer&id=2")

	var everybody, one []struct{ ConsumerID int }
	send(http.MethodGet, "/demo/consumers", support, "", "", &everybody)
	send(http.MethodGet, "/demo/consumers", consumer, "", "", &one)
	if len(everybody) < 2 || len(one) != 1 || one[0].ConsumerID != 1 {
		t.Errorf("support orders for %v, consumer 1 for %v", everybody, one)
	}

	type receipt struct{ OrderID, Version int }
	var placed receipt
	purchase := `{"consumerId": 1, "restaurantId": 1, "deliveryAddress": {"street1": "9 Amazing View", "city": "Oakland"},
		"lineItems": [{"menuItemId": "1", "quantity": 2}]}`
	if status := send(http.MethodPost, "/demo/orders", consumer, js, purchase, &placed); status != http.StatusCreated || placed.Version < 1 {
		t.Fatalf("an order is placed with %d, %+v", status, placed)
	}
	order := fmt.Sprintf("/demo/orders/%d", placed.OrderID)
	// read reads the order at least as new as a receipt says.
	read := func(seen receipt) (quantity int) {
		t.Helper()
		query, err := json.Marshal(map[string]string{"query": fmt.Sprintf(`{ order(id: "%d", freshness: {mode: AT_LEAST,
			seen: [{aggregate: ORDER, id: "%[1]d", version: %[2]d}]}) { version lineItems { quantity } } }`, seen.OrderID, seen.Version)})
		if err != nil {
			t.Fatal(err)
		}
		var a struct {
			Data struct {
				Order *struct {
					Version   int
					LineItems []struct{ Quantity int }
				}
			}
			Errors []struct{ Message string }
		}
		send(http.MethodPost, "/graphql", consumer, js, string(query), &a)
		if o := a.Data.Order; o == nil || o.Version < seen.Version || len(o.LineItems) != 1 {
			t.Fatalf("order %+v is read as %+v", seen, a)
		}
		return a.Data.Order.LineItems[0].Quantity
	}
	if quantity := read(placed); quantity != 2 {
		t.Errorf("%d of a dish are ordered, want 2", quantity)
	}
	// change waits until the order is approved and nothing else is considered, as it must be to be changed.
	change := func(how, body string) (changed receipt) {
		t.Helper()
		p.eventually(func() error {
			changed = receipt{}
			switch status := send(http.MethodPost, order+how, consumer, js, body, &changed); status {
			case http.StatusConflict:
				return fmt.Errorf("%s is refused", how)
			case http.StatusAccepted:
			default:
				t.Fatalf("%s is answered with %d", how, status)
			}
			return nil
		})
		return changed
	}
	revised := change("/revise", `{"revisedOrderLineItems": [{"menuItemId": "1", "quantity": 3}]}`)
	read(revised)
	cancelled := change("/cancel", `{}`) // when it is known what became of the revision
	if quantity := read(cancelled); revised.Version <= placed.Version || cancelled.Version <= revised.Version || quantity != 3 {
		t.Errorf("%d of a dish after %+v, %+v, %+v", quantity, placed, revised, cancelled)
	}
	var said struct{ Error string }
	if status := send(http.MethodPost, order+"/cancel", consumer, js, "{}", &said); status != http.StatusConflict || said.Error == "" {
		t.Errorf("what is being cancelled is cancelled with %d, %+v", status, said)
	}

	for _, test := range []struct {
		name, path, token, kind, body string
		status                        int
	}{
		{"a form", "/demo/orders", consumer, "application/x-www-form-urlencoded", purchase, 415},
		{"no type", order + "/cancel", consumer, "", "", 415},
		{"too large", "/demo/orders", consumer, js, `"` + strings.Repeat("x", maxPurchase) + `"`, 413},
		{"nobody", "/demo/orders", "", js, purchase, 401},
		{"a restaurant", "/demo/orders", token("role=restaurant&id=1"), js, purchase, 403},
		{"for somebody else", "/demo/orders", other, js, purchase, 403},
		{"somebody else's order", order + "/cancel", other, js, "{}", 404},
		{"no order", "/demo/orders/7/cancel", consumer, js, "{}", 404},
		{"no dish", "/demo/orders", support, js, strings.ReplaceAll(purchase, `"1"`, `"999"`), 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			var said map[string]any
			if status := send(http.MethodPost, test.path, test.token, test.kind, test.body, &said); status != test.status || len(said) == 0 {
				t.Errorf("status %d, %v; want %d", status, said, test.status)
			}
		})
	}
}

package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/elastic"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/order"
)

// exported is a view that is exported: its store, which can be closed before, and the flags that name it.
type exported struct {
	view.Store
	flags []string
}

// exportedMapping returns the mapping of the view of orders.
func exportedMapping(t *testing.T) *view.Mapping {
	t.Helper()
	sdl, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	m, err := view.MappingOf(sdl, order.ViewName)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// exportedViews runs a test with each kind of store, with documents of so many orders in it.
func exportedViews(t *testing.T, orders int, test func(*testing.T, exported)) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		data := t.TempDir()
		store, err := embedded.Open(viewDir(data, exportedMapping(t)), exportedMapping(t), embedded.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		putOrders(t, store, 0, orders, "Ajanta")
		test(t, exported{store, []string{"--data", data}})
	})
	t.Run("elasticsearch", func(t *testing.T) {
		t.Parallel()
		e := realElasticsearch(t)
		store, err := elastic.Open(t.Context(), exportedMapping(t), elastic.Options{URLs: []string{e.url}, Prefix: e.prefix})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		putOrders(t, store, 0, orders, "Ajanta")
		test(t, exported{store, []string{"--elasticsearch", e.url, "--elasticsearch-prefix", e.prefix}})
	})
}

// exportedOrder returns an order of this number. Every fifth is without an address, every seventh is hidden.
func exportedOrder(n int, restaurant string) *order.Order {
	o := order.New(fmt.Sprintf("%05d", n))
	o.State, o.CreatedAt = order.Approved, time.Date(2026, 3, 1+n%20, 11, 0, 0, 0, time.UTC)
	o.Total = &order.Money{Amount: fmt.Sprintf("%d.10", n%30), Currency: order.Currency}
	if n%7 != 6 {
		o.Consumer = &order.Consumer{ConsumerID: strconv.Itoa(n % 10), Name: "=Ada"}
	}
	o.Restaurant = &order.Restaurant{RestaurantID: "1", Name: restaurant}
	o.LineItems = []order.LineItem{{MenuItemID: "1", Name: "Chicken Vindaloo", Quantity: 1}, {MenuItemID: "2", Name: "Naan, plain", Quantity: 2}}
	if n%5 != 0 {
		o.DeliveryAddress = &order.Address{Street1: "1 Main St", City: []string{"Oakland", "Berkeley"}[n%2], State: "CA", Zip: "94611"}
	}
	o.Record(order.Entry{Type: "OrderCreatedEvent", At: o.CreatedAt, Aggregate: order.AggregateOrder, ID: "an-event"})
	o.Part(order.AggregateOrder).Recent = []string{"an-event"}
	return o
}

func visibleOrders(orders int) (ids []string) {
	for n := range orders {
		if o := exportedOrder(n, ""); !o.Hidden() {
			ids = append(ids, o.OrderID)
		}
	}
	return ids
}

// putOrders writes the orders with these numbers, over those that are there.
func putOrders(t *testing.T, store view.Store, from, to int, restaurant string) {
	t.Helper()
	for batch := range slices.Chunk(slices.Collect(numbers(from, to)), 500) {
		var writes []view.Write
		var ids []string
		for _, n := range batch {
			o := exportedOrder(n, restaurant)
			source, err := o.Encode()
			if err != nil {
				t.Fatal(err)
			}
			writes = append(writes, view.Write{ID: o.OrderID, Hidden: o.Hidden(), Source: source})
			ids = append(ids, o.OrderID)
		}
		there, err := store.Get(t.Context(), view.Support(), ids)
		if err != nil {
			t.Fatal(err)
		}
		for i := range writes {
			writes[i].Revision = there[writes[i].ID].Revision
		}
		for _, r := range store.Apply(t.Context(), writes) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
	if err := store.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func numbers(from, to int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for n := from; n < to && yield(n); n++ {
		}
	}
}

// export runs viewgate export and checks its exit code.
func (e exported) export(t *testing.T, code int, args ...string) (out, err string) {
	t.Helper()
	return finish(t, code, nil, append(append([]string{"export", "orders"}, e.flags...), args...)...)
}

// documentsOf reads JSON lines.
func documentsOf(t *testing.T, text string) (documents []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		d, err := view.DecodeSource(json.RawMessage(line))
		if err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		documents = append(documents, d)
	}
	return documents
}

func idsOf(documents []map[string]any) (ids []string) {
	for _, d := range documents {
		ids = append(ids, fmt.Sprint(d["orderId"]))
	}
	return ids
}

// TestExport exports views of several pages in all ways.
func TestExport(t *testing.T) {
	t.Parallel()
	const orders = 1200
	exportedViews(t, orders, func(t *testing.T, e exported) {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		t.Run("all", func(t *testing.T) {
			out, said := e.export(t, 0)
			documents := documentsOf(t, out)
			if diff := cmp.Diff(visibleOrders(orders), idsOf(documents)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if want := fmt.Sprintf("%d documents of ", len(documents)); !strings.Contains(said, want) {
				t.Errorf("said %q, want %q", said, want)
			}
			want := `{"orderId":"00001","version":0,"createdAt":"2026-03-02T11:00:00Z",` +
				`"updatedAt":"2026-03-02T11:00:00Z","state":"APPROVED","status":"CONFIRMED","total":{"amount":"1.10","currency":"USD"},` +
				`"consumer":{"consumerId":"1","name":"=Ada"},"restaurant":{"restaurantId":"1","name":"Ajanta"},` +
				`"lineItems":[{"menuItemId":"1","name":"Chicken Vindaloo","quantity":1,"price":{"amount":"","currency":""},` +
				`"total":{"amount":"","currency":""}},{"menuItemId":"2","name":"Naan, plain","quantity":2,"price":{"amount":"","currency":""},` +
				`"total":{"amount":"","currency":""}}],"deliveryAddress":{"street1":"1 Main St","city":"Berkeley","state":"CA","zip":"94611"},` +
				`"timeline":[{"type":"OrderCreatedEvent","at":"2026-03-02T11:00:00Z","aggregate":"ORDER"}]}` + "\n"
			want = strings.Replace(want, `"version":0,`, "", 1) // what a document lacks is not made up
			if _, rest, _ := strings.Cut(out, "\n"); !strings.HasPrefix(rest, want) {
				t.Errorf("the second line is not\n%s", want)
			}
		})
		t.Run("query", func(t *testing.T) {
			out, _ := e.export(t, 0, "--query", "city:oakland vindaloo total:>=20", "--order", "total:desc,created_at", "--limit", "7")
			var got []string
			for _, d := range documentsOf(t, out) {
				got = append(got, fmt.Sprint(d["total"].(map[string]any)["amount"], " ", d["createdAt"], " ", d["orderId"]))
			}
			var want []string
			for n := range orders {
				o := exportedOrder(n, "")
				if !o.Hidden() && o.DeliveryAddress != nil && o.DeliveryAddress.City == "Oakland" && n%30 == 28 {
					want = append(want, fmt.Sprint(o.Total.Amount, " ", o.CreatedAt.Format(time.RFC3339), " ", o.OrderID))
				}
			}
			slices.Sort(want)
			if diff := cmp.Diff(want[:7], got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
		t.Run("as a consumer", func(t *testing.T) {
			out, _ := e.export(t, 0, "--as", "consumer:3", "--query", "city:berkeley OR city:oakland")
			var want []string
			for n := range orders {
				if o := exportedOrder(n, ""); !o.Hidden() && o.DeliveryAddress != nil && o.Consumer.ConsumerID == "3" {
					want = append(want, o.OrderID)
				}
			}
			if diff := cmp.Diff(want, idsOf(documentsOf(t, out))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
		t.Run("limit", func(t *testing.T) {
			for _, limit := range []int{1, 1000, 1001, 9999} {
				out, _ := e.export(t, 0, "--limit", strconv.Itoa(limit))
				want := visibleOrders(orders)
				if diff := cmp.Diff(want[:min(limit, len(want))], idsOf(documentsOf(t, out))); diff != "" {
					t.Errorf("--limit %d (-want +got):\n%s", limit, diff)
				}
			}
		})
		t.Run("nothing found", func(t *testing.T) {
			out, said := e.export(t, 0, "--query", "nowhere")
			if out != "" || !strings.Contains(said, "0 documents") {
				t.Errorf("%q, %q", out, said)
			}
			if out, _ := e.export(t, 0, "--query", "nowhere", "--format", "csv", "--fields", "city"); out != "deliveryAddress.city\r\n" {
				t.Errorf("%q", out)
			}
		})
		t.Run("csv", func(t *testing.T) {
			out, _ := e.export(t, 0, "--format", "csv", "--fields", "orderId,total,consumer.name,city,lineItems.name,quantity,createdAt")
			rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			want := [][]string{{"orderId", "total", "consumer.name", "deliveryAddress.city", "lineItems.name", "lineItems.quantity", "createdAt"}}
			for n := range orders {
				if o := exportedOrder(n, ""); !o.Hidden() {
					city := ""
					if o.DeliveryAddress != nil {
						city = o.DeliveryAddress.City
					}
					want = append(want, []string{o.OrderID, o.Total.Amount, "'=Ada", city, "Chicken Vindaloo; Naan, plain", "1; 2",
						o.CreatedAt.Format(time.RFC3339)})
				}
			}
			if diff := cmp.Diff(want, rows); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			out, _ = e.export(t, 0, "--format", "csv", "--limit", "1")
			if want := "orderId,createdAt,updatedAt,state,status,total,consumer.consumerId,consumer.name,restaurant.restaurantId,"; !strings.HasPrefix(out, want) {
				t.Errorf("%q does not begin with %q", out, want)
			}
		})
		t.Run("warnings", func(t *testing.T) {
			out, said := e.export(t, 0, "--query", "citty:Oakland orderId:00003")
			if len(documentsOf(t, out)) != 1 || !strings.Contains(said, "warning: There is no field “citty”. Did you mean city?") {
				t.Errorf("%q, %q", out, said)
			}
			file := filepath.Join(t.TempDir(), "orders.jsonl")
			for _, args := range [][]string{{"--query", "citty:Oakland orderId:00003", "--strict"}, {"--query", "citty:Oakland"}} {
				out, said = e.export(t, 2, append(args, "--output", file)...)
				if _, err := os.Stat(file); err == nil || out != "" || !strings.Contains(said, "nothing is written") {
					t.Errorf("%q: %q, %q", args, out, said)
				}
			}
		})
		t.Run("file", func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "orders.jsonl")
			out, _ := e.export(t, 0, "--output", file, "--query", "orderId:00003")
			text, err := os.ReadFile(file)
			if err != nil || out != "" || len(documentsOf(t, string(text))) != 1 {
				t.Errorf("%v, %q, %q", err, out, text)
			}
			if _, said := e.export(t, 1, "--output", file); !strings.Contains(said, "--force replaces it") {
				t.Errorf("%q", said)
			}
			e.export(t, 0, "--output", file, "--force", "--limit", "2")
			if text, err = os.ReadFile(file); err != nil || len(documentsOf(t, string(text))) != 2 {
				t.Errorf("%v, %q", err, text)
			}
			if _, said := e.export(t, 1, "--output", filepath.Join(dir, "none", "f")); !strings.Contains(said, "--output: ") {
				t.Errorf("%q", said)
			}
			onlyFile(t, dir, "orders.jsonl")
		})
	})
}

// TestExportIsOneMoment: what is written while an export is under way, to documents that it has yet to come to and beside
// them, is not in it.
func TestExportIsOneMoment(t *testing.T) {
	t.Parallel()
	const orders = 250
	exportedViews(t, orders, func(t *testing.T, e exported) {
		x := exportingAll(t)
		x.query.Size = 50
		var text strings.Builder
		pages := 0
		p := exportProgress{begun: time.Now()}
		err := x.write(t.Context(), e, writer(func(page []byte) (int, error) {
			pages++
			putOrders(t, e, 0, orders+10*pages, fmt.Sprintf("Changed in page %d", pages))
			return text.Write(page)
		}), &p, &progressLine{w: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		if pages != 5 {
			t.Errorf("%d pages", pages)
		}
		documents := documentsOf(t, text.String())
		if diff := cmp.Diff(visibleOrders(orders), idsOf(documents)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if n := strings.Count(text.String(), "Changed in page"); n > 0 {
			t.Errorf("%d documents were changed meanwhile", n)
		}
		p = exportProgress{begun: time.Now()}
		text.Reset()
		if err := x.write(t.Context(), e, &text, &p, &progressLine{w: io.Discard}); err != nil {
			t.Fatal(err)
		}
		if n, want := strings.Count(text.String(), fmt.Sprintf("Changed in page %d", pages)), p.total; n != want || n <= len(documents) {
			t.Errorf("afterwards %d of %d documents are the changed ones", n, want)
		}
	})
}

// TestExportOfHeldView: a directory that is in use is told with the process that uses it, and none is made.
func TestExportOfHeldView(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	e := exported{flags: []string{"--data", data}}
	if _, said := e.export(t, 1); !strings.Contains(said, "holds no view of orders") {
		t.Error(said)
	}
	onlyFile(t, data, "")
	store, err := embedded.Open(viewDir(data, exportedMapping(t)), exportedMapping(t), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	_, said := e.export(t, 1)
	if !strings.Contains(said, fmt.Sprintf("in use by process %d", os.Getpid())) || !strings.Contains(said, "stop that process first") {
		t.Error(said)
	}
}

package search_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/search"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/viewtest"
)

func TestList(t *testing.T) {
	var got []string
	for _, f := range search.FieldsOf(orders(t)).List() {
		ops := ""
		for _, op := range f.Operators {
			ops += " " + string(op)
		}
		got = append(got, f.Path+" = "+f.Name+ops)
	}
	const (
		text    = ` : :"" :begin* :*`
		keyword = " : :begin* :*"
		ordered = " : :> :>= :< :<= .. :*"
	)
	want := []string{
		"bill.state = bill.state" + keyword,
		"consumer.consumerId = consumerId" + keyword,
		"consumer.name = consumer.name" + text,
		"createdAt = createdAt" + ordered,
		"delivery.courierId = courierId" + keyword,
		"delivery.state = delivery.state" + keyword,
		"deliveryAddress.city = city" + text,
		"deliveryAddress.state = deliveryAddress.state" + text,
		"deliveryAddress.street1 = street1" + text,
		"deliveryAddress.street2 = street2" + text,
		"deliveryAddress.zip = zip" + text,
		"deliveryTime = deliveryTime : :> :>= :< :<= .. :*",
		"lineItems.menuItemId = menuItemId" + keyword,
		"lineItems.name = lineItems.name" + text,
		"lineItems.quantity = quantity" + ordered,
		"orderId = orderId" + keyword,
		"restaurant.name = restaurant.name" + text,
		"restaurant.restaurantId = restaurantId" + keyword,
		"state = state" + keyword,
		"status = status" + keyword,
		"ticket.state = ticket.state" + keyword,
		"total = total" + ordered,
		"updatedAt = updatedAt" + ordered,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	for _, f := range search.FieldsOf(orders(t)).List() {
		for _, name := range []string{f.Name, f.Path, strings.ToUpper(f.Path)} {
			if found, _ := search.FieldsOf(orders(t)).Find(name); found == nil || found.Path != f.Path {
				t.Errorf("%s does not mean %s", name, f.Path)
			}
		}
	}
}

func TestFind(t *testing.T) {
	fields := search.FieldsOf(orders(t))
	for _, tt := range []struct {
		name string
		want string
	}{
		{"total", "= total"},
		{"TOTAL", "= total"},
		{"created_at", "= createdAt"},
		{"courier-id", "= delivery.courierId"},
		{"state", "= state"}, // the path itself, though others end so
		{"ticket.state", "= ticket.state"},
		{"city", "= deliveryAddress.city"},
		{"deliveryaddress.city", "= deliveryAddress.city"},
		{"name", "consumer.name lineItems.name restaurant.name"},
		{"address.city", "city"}, // no end of the path: Address is part of a name
		{"ress.city", "city"},
		{"cty", "city"},
		{"ctiy", "city"},
		{"stauts", "status"},
		{"ticket", "ticket.state"},
		{"delivery", "courierId delivery.state"},
		{"id", ""},
		{"order", "orderId"},
		{"nothing", ""},
		{"", ""},
	} {
		found, meant := fields.Find(tt.name)
		got := strings.Join(meant, " ")
		if found != nil {
			got = "= " + found.Path
		}
		if got != tt.want {
			t.Errorf("Find(%q): %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestFieldsIn checks the names that the schema's filter has for fields.
func TestFieldsIn(t *testing.T) {
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	fields := search.FieldsIn(s, orders(t))
	for _, tt := range []struct {
		name string
		want string
	}{
		{"dish", "= lineItems.name"},
		{"DISH", "= lineItems.name"},
		{"consumer", "= consumer.name"},
		{"restaurant", "= restaurant.name"},
		{"ticket_state", "= ticket.state"},
		{"billState", "= bill.state"},
		{"state", "= state"},
		{"city", "= deliveryAddress.city"},
		{"name", "consumer.name lineItems.name restaurant.name"},
		{"dihs", "dish"},
		{"restuarant", "restaurant"},
		{"and", ""}, // no field
	} {
		found, meant := fields.Find(tt.name)
		got := strings.Join(meant, " ")
		if found != nil {
			got = "= " + found.Path
		}
		if got != tt.want {
			t.Errorf("Find(%q): %s, want %s", tt.name, got, tt.want)
		}
	}
	for _, f := range fields.List() {
		for _, name := range f.Also {
			if found, _ := fields.Find(name); found == nil || found.Path != f.Path {
				t.Errorf("%s does not mean %s", name, f.Path)
			}
		}
	}
}

// TestFieldsInTaken checks that the filter's name for one field never takes what is another's name.
func TestFieldsInTaken(t *testing.T) {
	s := gqlparser.MustLoadSchema(&ast.Source{Input: `
directive @view(name: String!) on OBJECT
directive @filters(field: String!) on INPUT_FIELD_DEFINITION
type Thing @view(name: "things") { a: String b: In c: In }
type In { x: String y: String }
input ThingFilter { a: String @filters(field: "b.x") x: String @filters(field: "b.y") z: String @filters(field: "c.x") none: String }
type Query { thing: Thing }
`})
	fields := search.FieldsIn(s, &view.Mapping{Type: "Thing", Fields: []view.Field{{Path: "a"}, {Path: "b.x"}, {Path: "b.y"}, {Path: "c.x"}}})
	for name, want := range map[string]string{"a": "a", "x": "", "y": "b.y", "z": "c.x", "none": ""} {
		got := ""
		if f, _ := fields.Find(name); f != nil {
			got = f.Path
		}
		if got != want {
			t.Errorf("%s means %q, want %q", name, got, want)
		}
	}
}

// TestFindAlike checks names that differ in case alone.
func TestFindAlike(t *testing.T) {
	m, err := viewtest.MappingOf(`
type Thing @view(name: "things") { ab: String @index(as: TEXT) aB: String @index(as: TEXT) in: In @index }
type In { a_b: String @index(as: TEXT) c: Boolean @index(as: BOOLEAN) }
type Query { thing: Thing }
`, "things")
	if err != nil {
		t.Fatal(err)
	}
	fields := search.FieldsOf(m)
	for name, want := range map[string]string{"ab": "ab", "aB": "aB", "AB": "", "in.a_b": "in.a_b", "a_b": "", "C": "in.c"} {
		got := ""
		if f, _ := fields.Find(name); f != nil {
			got = f.Path
		}
		if got != want {
			t.Errorf("%s means %q, want %q", name, got, want)
		}
	}
	for _, f := range fields.List() {
		if found, _ := fields.Find(f.Name); found == nil || found.Path != f.Path {
			t.Errorf("%s does not mean %s", f.Name, f.Path)
		}
	}
}

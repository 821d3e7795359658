package schema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
)

func load(t *testing.T) *ast.Schema {
	t.Helper()
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSources(t *testing.T) {
	var names []string
	for _, s := range schema.Sources() {
		names = append(names, s.Name)
		if s.Input == "" {
			t.Errorf("%s is empty", s.Name)
		}
	}
	if !slices.IsSorted(names) || !slices.Contains(names, "schema/order.graphqls") {
		t.Errorf("sources %q", names)
	}
}

// TestDescriptions checks that everything that a client can name is explained.
func TestDescriptions(t *testing.T) {
	s := load(t)
	described := func(what, description string) {
		if strings.TrimSpace(description) == "" {
			t.Errorf("%s has no description", what)
		}
	}
	arguments := func(of string, list ast.ArgumentDefinitionList) {
		for _, a := range list {
			described(of+"("+a.Name+":)", a.Description)
		}
	}
	for name, def := range s.Types {
		if def.BuiltIn || strings.HasPrefix(name, "__") {
			continue
		}
		if def != s.Query && def != s.Mutation && def != s.Subscription {
			described(name, def.Description)
		}
		for _, f := range def.Fields {
			if !strings.HasPrefix(f.Name, "__") {
				described(name+"."+f.Name, f.Description)
				arguments(name+"."+f.Name, f.Arguments)
			}
		}
		for _, v := range def.EnumValues {
			described(name+"."+v.Name, v.Description)
		}
	}
	for name, d := range s.Directives {
		if d.Position != nil && d.Position.Src != nil && !d.Position.Src.BuiltIn {
			described("@"+name, d.Description)
			arguments("@"+name, d.Arguments)
		}
	}
}

// TestOrders shows what the schema makes of an order in the stores.
func TestOrders(t *testing.T) {
	m, err := view.MappingOf(load(t), "orders")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range m.Fields {
		line := f.Path + " " + string(f.Kind)
		if f.Weight > 0 {
			line += " searched"
		}
		if f.Facet {
			line += " counted"
		}
		if f.Sortable {
			line += " ordered"
		}
		if f.VisibleTo != "" {
			line += " " + string(f.VisibleTo)
		}
		got = append(got, line)
	}
	want := []string{
		"bill.state KEYWORD",
		"consumer.consumerId KEYWORD searched CONSUMER",
		"consumer.name TEXT searched counted",
		"createdAt DATE counted ordered",
		"delivery.courierId KEYWORD",
		"delivery.state KEYWORD",
		"deliveryAddress.city TEXT searched counted",
		"deliveryAddress.state TEXT searched",
		"deliveryAddress.street1 TEXT searched",
		"deliveryAddress.street2 TEXT searched",
		"deliveryAddress.zip TEXT searched",
		"deliveryTime DATE ordered", "lineItems.menuItemId KEYWORD",
		"lineItems.name TEXT searched counted",
		"lineItems.quantity NUMBER",
		"orderId KEYWORD searched",
		"restaurant.name TEXT searched counted ordered",
		"restaurant.restaurantId KEYWORD searched RESTAURANT",
		"state KEYWORD counted",
		"status KEYWORD counted ordered",
		"ticket.state KEYWORD",
		"total MONEY counted ordered",
		"updatedAt DATE ordered",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("indexed fields (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("Order", m.Type); diff != "" {
		t.Errorf("type (-want +got):\n%s", diff)
	}
	for _, path := range []string{"timeline", "version"} {
		if !slices.Contains(m.Stored, path) {
			t.Errorf("%s is not among the fields that are kept: %q", path, m.Stored)
		}
	}
}

// TestFilters checks that what clients can filter by is in the index: an input XFilter filters the view of type X.
func TestFilters(t *testing.T) {
	s := load(t)
	filters := 0
	for _, def := range s.Types {
		for _, f := range def.Fields {
			d := f.Directives.ForName("filters")
			if d == nil {
				continue
			}
			filters++
			filtered := s.Types[strings.TrimSuffix(def.Name, "Filter")]
			if filtered == nil || filtered.Directives.ForName("view") == nil {
				t.Fatalf("%s is not named by the type of a view", def.Name)
			}
			m, err := view.MappingOf(s, filtered.Directives.ForName("view").Arguments.ForName("name").Value.Raw)
			if err != nil {
				t.Fatal(err)
			}
			if path := d.Arguments.ForName("field").Value.Raw; m.Field(path) == nil {
				t.Errorf("%s.%s filters by %q, which is not indexed", def.Name, f.Name, path)
			}
		}
	}
	if filters == 0 {
		t.Error("no input field is marked @filters")
	}
}

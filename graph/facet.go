package graph

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/graph/model"
	"github.com/viewgate/viewgate/search"
	"github.com/viewgate/viewgate/view"
)

// counting is what facets are selected, each with the key that it is found by.
type counting struct {
	facets []view.Facet
	keys   []string
}

// checkFacets reports the first field of a type that counts what has no facet.
func checkFacets(schema *ast.Schema, typeName string, mapping *view.Mapping) error {
	for _, field := range schema.Types[typeName].Fields {
		d := field.Directives.ForName("counts")
		if d == nil {
			continue
		}
		if f := mapping.Field(d.Arguments.ForName("field").Value.Raw); f == nil || !f.Facet {
			return fmt.Errorf("schema: %s.%s: @counts names what has no @facet", typeName, field.Name)
		}
	}
	return nil
}

// add adds the facets that are selected below a field of a type whose fields are marked @counts.
func (c *counting) add(operation *graphql.OperationContext, schema *ast.Schema, typeName string, of graphql.CollectedField) error {
	for _, selected := range graphql.CollectFields(operation, of.Selections, []string{typeName}) {
		definition := schema.Types[typeName].Fields.ForName(selected.Name)
		if definition == nil {
			continue
		}
		d := definition.Directives.ForName("counts")
		if d == nil {
			continue
		}
		facet := view.Facet{Field: d.Arguments.ForName("field").Value.Raw}
		arguments := selected.ArgumentMap(operation.Variables)
		if bounds, ok := arguments["bounds"].([]any); ok {
			for _, b := range bounds {
				n, err := strconv.ParseFloat(fmt.Sprint(b), 64)
				if err != nil {
					return badInput("%s.bounds: %.40q is no amount", selected.Alias, b)
				}
				facet.Bounds = append(facet.Bounds, n)
			}
		} else {
			n, err := strconv.Atoi(fmt.Sprint(arguments["first"]))
			if err != nil || n < 1 || n > maxPage {
				return badInput("%s.first: %v; 1 to %d are possible", selected.Alias, arguments["first"], maxPage)
			}
			facet.Size = n
		}
		if len(c.facets) == view.MaxFacets {
			return badInput("more than %d facets are selected", view.MaxFacets)
		}
		c.facets = append(c.facets, facet)
		c.keys = append(c.keys, model.FacetKey(of.Alias, selected.Alias))
	}
	return nil
}

// counted returns what was counted, by key.
func (c *counting) counted(fields *search.Fields, counts []view.Counts) model.Counted {
	all := make(model.Counted, len(counts))
	for i, key := range c.keys {
		field, _ := fields.Find(c.facets[i].Field)
		facet := &model.Facet{Field: field.Name, Values: []*model.FacetValue{}, Others: counts[i].Others}
		for _, b := range counts[i].Buckets {
			facet.Values = append(facet.Values, &model.FacetValue{Value: b.Value, Count: b.Count, Query: condition(field, b.Value)})
		}
		all[key] = facet
	}
	return all
}

// condition returns the condition of the search language that a facet's value meets.
func condition(field *search.Field, value string) string {
	is := search.Condition{Field: field.Name, Op: search.Is, Value: value}
	switch field.Kind {
	case view.Text:
		is.Phrase = true
	case view.Number, view.Money:
		low, high, _ := strings.Cut(value, "..")
		var all search.And
		if low != "*" {
			all = append(all, search.Condition{Field: field.Name, Op: search.AtLeast, Value: low})
		}
		if high != "*" {
			all = append(all, search.Condition{Field: field.Name, Op: search.Below, Value: high})
		}
		return all.String()
	}
	return is.String()
}

package graph

import (
	"github.com/viewgate/viewgate/graph/model"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/analysis"
	"github.com/viewgate/viewgate/view/order"
)

// highlights tells where a query's words stand in an order.
func (r *Resolver) highlights(match view.Filter, o *order.Order) []*model.Highlight {
	all := []*model.Highlight{}
	if match == nil {
		return all
	}
	for _, found := range analysis.Highlights(r.mapping, match, searchedOf(o)) {
		h := &model.Highlight{Field: found.Field, Fragment: found.Fragment}
		for _, at := range found.Ranges {
			h.Ranges = append(h.Ranges, &model.TextRange{Start: at.Start, End: at.End})
		}
		all = append(all, h)
	}
	return all
}

// searchedOf returns what of an order can be searched for words, as view.DecodeSource has it: its texts and keywords. To
// encode and decode each order of a page for it took as long as the search itself.
func searchedOf(o *order.Order) map[string]any {
	source := texts("orderId", o.OrderID, "state", string(o.State), "status", string(o.Status))
	if c := o.Consumer; c != nil {
		source["consumer"] = texts("consumerId", c.ConsumerID, "name", c.Name)
	}
	if r := o.Restaurant; r != nil {
		source["restaurant"] = texts("restaurantId", r.RestaurantID, "name", r.Name)
	}
	lines := make([]any, len(o.LineItems))
	for i, l := range o.LineItems {
		lines[i] = texts("menuItemId", l.MenuItemID, "name", l.Name)
	}
	source["lineItems"] = lines
	if a := o.DeliveryAddress; a != nil {
		source["deliveryAddress"] = texts("street1", a.Street1, "street2", a.Street2, "city", a.City, "state", a.State, "zip", a.Zip)
	}
	if t := o.Ticket; t != nil {
		source["ticket"] = texts("state", string(t.State))
	}
	if d := o.Delivery; d != nil {
		source["delivery"] = texts("state", string(d.State), "courierId", d.CourierID)
	}
	if b := o.Bill; b != nil {
		source["bill"] = texts("state", string(b.State))
	}
	return source
}

// texts returns an object of names and values, in turn, without the empty ones.
func texts(namesAndValues ...string) map[string]any {
	object := make(map[string]any, len(namesAndValues)/2)
	for i := 0; i < len(namesAndValues); i += 2 {
		if value := namesAndValues[i+1]; value != "" {
			object[namesAndValues[i]] = value
		}
	}
	return object
}

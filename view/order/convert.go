package order

import "github.com/viewgate/viewgate/wire"

// NewMoney returns an amount in the document's canonical form.
func NewMoney(m wire.Money) *Money { return &Money{Amount: m.String(), Currency: Currency} }

// NewAddress returns an address as the document has it; nil for nil.
func NewAddress(a *wire.Address) *Address {
	if a == nil {
		return nil
	}
	return &Address{Street1: a.Street1, Street2: a.Street2, City: a.City, State: a.State, Zip: a.Zip}
}

// NewLineItems returns an order's lines as the document has them.
func NewLineItems(lines []wire.LineItem) []LineItem {
	items := make([]LineItem, len(lines))
	for i, l := range lines {
		items[i] = LineItem{
			MenuItemID: string(l.MenuItemID), Name: l.Name, Quantity: l.Quantity,
			Price: *NewMoney(l.Price), Total: *NewMoney(l.Total),
		}
	}
	return items
}

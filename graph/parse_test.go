package graph

import (
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/viewgate/viewgate/schema"
)

// A document that is valid is read once, and with @defer in both forms; one that is not is not kept.
func TestDocumentsAreKept(t *testing.T) {
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	p := newParsing(s, 100, func(*ast.QueryDocument) *gqlerror.Error { checked++; return nil })
	for _, test := range []struct {
		text     string
		valid    bool
		readings int // of two requests
		defers   bool
	}{
		{`{ order(id: 1) { orderId } }`, true, 1, false},
		{`{ order(id: 1) { ... @defer { id } ...f } } fragment f on Order { consumer { ... @defer(label: "x") { id } } }`, true, 2, true},
		{`{ order(id: 1) { nonsense } }`, false, 2, false},
	} {
		checked = 0
		first, _ := p.read(test.text)
		second, wrong := p.read(test.text)
		if (len(wrong) == 0) != test.valid || (first == second) != test.valid || checked != test.readings {
			t.Errorf("%s: %v, read %d times, the same: %v", test.text, wrong, checked, first == second)
		}
		if defers(first.document) || (first.deferring != nil) != test.defers || test.defers && !defers(first.deferring) {
			t.Errorf("%s: @defer is where it should not be", test.text)
		}
	}
}

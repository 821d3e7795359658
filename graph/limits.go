package graph

import (
	"context"
	"log/slog"
	"reflect"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/cost"
)

// What validation takes depends on these, and nothing else does: so they are not among the Limits.
const (
	// maxAlike is how many pairs of fields that are answered by one name a document may have for each of its operations.
	// gqlparser compares them, some several times: the worst documents with 45,000 were seen to take 123 ms, with 15,000 22 ms.
	// So many are 200 fields of one name.
	maxAlike = 20_000
	// maxOperations is how many operations a document may have, all of which are validated.
	maxOperations = 10
)

// bounds refuses what is beyond the limits: by its text before it is validated, and by its cost before it runs.
type bounds struct {
	Limits
	model  *cost.Model
	logger *slog.Logger
}

// checkText refuses a document that is beyond the limits by its text. Validating it may take the square of its length, or never
// end; here each selection is looked at once.
func (b bounds) checkText(doc *ast.QueryDocument) *gqlerror.Error {
	s := cost.ShapeOf(doc)
	return b.check(
		measure{"operations beside each other", s.Operations, maxOperations},
		measure{"fields of Query", s.RootFields, b.RootFields},
		measure{"levels of fields", s.Depth, b.Depth},
		measure{"aliases", s.Aliases, b.Aliases},
		measure{"fields", s.Fields, b.Fields},
		measure{"directives", s.Directives, b.Directives},
		measure{"levels of lists and objects in a value", s.Nesting, b.Nesting},
		measure{"pairs of fields that are answered by the same name", s.Alike, maxAlike},
	)
}

// measure is how much there is of something, and how much there may be.
type measure struct {
	what     string
	is, most int
}

// check refuses an operation that has too much of something.
func (bounds) check(measures ...measure) *gqlerror.Error {
	for _, m := range measures {
		if m.is > m.most {
			return gqlerror.Wrap(tooComplex("the operation has %d %s; %d are possible", m.is, m.what, m.most))
		}
	}
	return nil
}

// checkCost refuses an operation that may cost too much, before any of it runs.
func (b bounds) checkCost(ctx context.Context, oc *graphql.OperationContext) *gqlerror.Error {
	request := requestOf(ctx)
	var implied []string
	if p := request.promise; p.Mode != compose.Eventual && p.Mode != "" || p.MaxStaleness > 0 {
		implied = []string{"freshness"} // which headers have promised for every field
	}
	e, err := b.model.Estimate(oc.Operation, oc.Variables, implied...)
	if err != nil {
		invalid := gqlerror.Wrap(badInput("%w", err))
		errcode.Set(invalid, errcode.ValidationFailed)
		return invalid
	}
	request.spent = &spending{estimate: e, kind: oc.Operation.Operation}
	request.tally.estimated(e.Cost)
	if e.Cost > b.Cost {
		if !b.ReportCost {
			return gqlerror.Wrap(tooComplex(
				"the operation costs up to %d; %d are possible: ask for shorter pages, or for less of each", e.Cost, b.Cost))
		}
		b.logger.WarnContext(ctx, "operation costs too much, and is answered all the same", "request", request.id,
			"cost", e.Cost, "maximum", b.Cost)
	}
	if err := request.spend(max(e.Cost-baseCost, 0)); err != nil {
		return gqlerror.Wrap(err)
	}
	return nil
}

// spending is what an operation may cost, and does.
type spending struct {
	estimate *cost.Estimate
	kind     ast.Operation
	actual   atomic.Int64
	told     atomic.Int64 // of actual: an answer in parts tells it with each part
}

// spend counts what a field has answered.
func (s *spending) spend(f *ast.Field, value any) {
	price := s.estimate.Price(f)
	answered := 0
	if v := reflect.ValueOf(value); v.Kind() == reflect.Slice {
		answered = v.Len()
	} else if v.IsValid() && (v.Kind() != reflect.Pointer && v.Kind() != reflect.Interface || !v.IsNil()) {
		answered = 1
	}
	s.actual.Add(int64(price.Call) + int64(price.Each)*int64(answered))
}

// toldCost is extensions.cost.
type toldCost struct {
	Estimated int `json:"estimated"` // with all lists as long as they may be
	Actual    int `json:"actual"`
	Maximum   int `json:"maximum"`
}

// tellCost puts what an operation costs into the response's extensions, where its own extensions ask for it: {"cost": true}.
func tellCost(most int) graphql.ResponseMiddleware {
	return func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		response := next(ctx)
		request := requestOf(ctx)
		if response == nil || request.spent == nil {
			return response
		}
		actual := request.spent.actual.Load()
		request.tally.spent(int(actual - request.spent.told.Swap(actual)))
		if graphql.GetOperationContext(ctx).Extensions["cost"] == true {
			if response.Extensions == nil {
				response.Extensions = map[string]any{}
			}
			response.Extensions["cost"] = toldCost{request.spent.estimate.Cost, int(actual), most}
		}
		return response
	}
}

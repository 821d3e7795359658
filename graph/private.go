package graph

import (
	"context"
	"errors"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// refuseSchema refuses an operation that asks for the schema, for Options.Private.
func refuseSchema(_ context.Context, oc *graphql.OperationContext) *gqlerror.Error {
	for _, f := range graphql.CollectFields(oc, oc.Operation.SelectionSet, []string{"Query"}) {
		switch f.Name {
		case "__schema", "__type", "_service":
			return gqlerror.Wrap(&clientError{forbidden, errors.New("the schema is not told here")})
		}
	}
	return nil
}

// withoutSuggestions takes from the validator's errors what of the schema could have been meant.
func withoutSuggestions(wrong gqlerror.List) {
	for _, err := range wrong {
		err.Message, _, _ = strings.Cut(err.Message, " Did you mean")
	}
}

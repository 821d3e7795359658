package scalar

import (
	"fmt"
	"slices"

	"github.com/99designs/gqlgen/graphql"

	"github.com/viewgate/viewgate/compose"
)

// MarshalMode writes a FreshnessMode.
func MarshalMode(m compose.Mode) graphql.Marshaler { return graphql.MarshalString(string(m)) }

// UnmarshalMode reads a FreshnessMode.
func UnmarshalMode(v any) (compose.Mode, error) {
	return oneOf(v, compose.Eventual, compose.AtLeast, compose.Fresh)
}

// MarshalOnStale writes an OnStale.
func MarshalOnStale(o compose.OnStale) graphql.Marshaler { return graphql.MarshalString(string(o)) }

// UnmarshalOnStale reads an OnStale.
func UnmarshalOnStale(v any) (compose.OnStale, error) { return oneOf(v, compose.Serve, compose.Fail) }

func oneOf[T ~string](v any, values ...T) (T, error) {
	text, _ := v.(string)
	if !slices.Contains(values, T(text)) {
		return "", wrong(v, fmt.Sprintf("one of %v", values))
	}
	return T(text), nil
}

package graph

import (
	"encoding/json"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
)

// appendResponse appends a response as JSON. Unlike gqlgen's own it has no data where nothing was executed; and data, which
// is JSON already, is not read again.
func appendResponse(b []byte, r *graphql.Response) ([]byte, error) {
	var errors, extensions []byte
	var err error
	if len(r.Errors) > 0 {
		if errors, err = json.Marshal(r.Errors); err != nil {
			return nil, fmt.Errorf("graph: encode errors: %w", err)
		}
	}
	if len(r.Extensions) > 0 {
		if extensions, err = json.Marshal(r.Extensions); err != nil {
			return nil, fmt.Errorf("graph: encode extensions: %w", err)
		}
	}
	if b == nil {
		b = make([]byte, 0, len(r.Data)+len(errors)+len(extensions)+64)
	}
	b = append(b, '{')
	b = appendMember(b, "errors", errors)
	b = appendMember(b, "data", withoutLater(r.Data))
	b = appendMember(b, "extensions", extensions)
	return append(b, '}'), nil
}

// appendMember appends a member of an object whose last byte is b's, and nothing where there is no value.
func appendMember(b []byte, name string, value []byte) []byte {
	if len(value) == 0 {
		return b
	}
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(append(append(b, '"'), name...), `":`...)
	return append(b, value...)
}

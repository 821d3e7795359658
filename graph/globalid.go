package graph

import (
	"encoding/base64"
	"strings"
)

// The types that have global ids.
const (
	orderType      = "Order"
	consumerType   = "Consumer"
	restaurantType = "Restaurant"
)

// maxID is the longest id that a service has, in bytes.
const maxID = 128

// globalID returns the id that names a thing among all types: base64url of "Order:1".
func globalID(typeName, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(typeName + ":" + id))
}

// parseGlobalID returns what globalID was given; not ok for anything else.
func parseGlobalID(text string) (typeName, id string, ok bool) {
	if len(text) > base64.RawURLEncoding.EncodedLen(len(restaurantType)+1+maxID) {
		return "", "", false
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return "", "", false
	}
	typeName, id, ok = strings.Cut(string(data), ":")
	switch typeName {
	case orderType, consumerType, restaurantType:
		return typeName, id, ok && plausibleID(id)
	}
	return "", "", false
}

// rawID returns the service's own id of a thing of this type, given that or the global one; "" where it cannot be one.
func rawID(typeName, id string) string {
	if named, raw, ok := parseGlobalID(id); ok && named == typeName {
		return raw
	}
	if !plausibleID(id) {
		return ""
	}
	return id
}

// plausibleID reports whether a service may have such an id; others are not asked for.
func plausibleID(id string) bool {
	return id != "" && len(id) <= maxID && strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f }) < 0
}

// Package model holds the GraphQL types that are no part of a view's document. Those in models.go are generated.
package model

// Node is an *order.Order, *order.Consumer or *restaurant.Restaurant: whatever has a global id.
type Node any

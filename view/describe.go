package view

import (
	"context"
	"time"
)

// Described is a Store that can tell of the index that it reads, to whoever looks after it.
type Described interface {
	// Describe tells it, and costs next to nothing, however large the index is.
	Describe(ctx context.Context) (Description, error)
}

// Description tells of the index that a Store reads.
type Description struct {
	Index     string    // its name, or what the store knows it by; nothing of where it is on a disk
	Made      time.Time // when it was made; zero where that is not known
	Documents int       // that a search as Support may find, all of them
	// Unfinished is the index that is being built beside it; nil where there is none, or the store cannot tell.
	Unfinished *Unfinished
}

// Unfinished is an index that is being built.
type Unfinished struct {
	Index string
	Made  time.Time // zero where that is not known
}

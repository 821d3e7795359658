// Package feed carries what indexers tell gateways: which documents of a view have changed, and how far the view is. Where
// both are one process, the indexer publishes to the gateway's Hub; where they are apart, over a topic (package
// feed/broker), from which each gateway's Hub is fed.
package feed

import "maps"

// Partition names a partition of a topic.
type Partition struct {
	Topic  string
	Number int32
}

// Positions are places in a log: for each partition the offset behind all that is meant.
type Positions map[Partition]int64

// Reach reports whether these positions are at or beyond the barrier's, in all of the barrier's partitions.
func (p Positions) Reach(barrier Positions) bool {
	for part, offset := range barrier {
		if p[part] < offset {
			return false
		}
	}
	return true
}

// Raise lifts each position to at least the other's. The receiver must not be nil.
func (p Positions) Raise(other Positions) {
	for part, offset := range other {
		p[part] = max(p[part], offset)
	}
}

// Clone returns a copy, never nil.
func (p Positions) Clone() Positions {
	c := make(Positions, len(p))
	maps.Copy(c, p)
	return c
}

// News is what an indexer tells of one index.
type News struct {
	// Index is the index's own id (view.Index's ID): news of another index than a gateway reads do not concern it.
	Index string
	// Changed are the ids of documents that have been written, or that a redelivered record found written already.
	Changed []string
	// Written says, for partitions that the indexer has claimed, how far the index holds all of their records.
	Written Positions
	// Filling says that the index has not yet reached, in some of Written's partitions, where these ended when its indexers
	// first came to them: it misses documents that are not new.
	Filling bool
}

// Publisher takes news. Its methods may be called from several goroutines.
type Publisher interface {
	// Publish tells the news and calls done, from any goroutine, once whoever follows the feed learns of it, be it after
	// this process has died. It may block while the feed is slow, and calls done before it returns, later, or, where the
	// process ends before that, never. A nil done is not called.
	Publish(news News, done func())
}

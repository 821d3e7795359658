package rebuild

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view"
)

// Comparison is what comparing a rebuilt document with the live one told.
type Comparison struct {
	Same   int      // parts that are equal at equal versions
	Ahead  int      // parts that the rebuilt document has at a higher version: the live one will come there
	Healed int      // parts that owners have told in the live document, which a rebuild does not ask
	Wrong  []string // what differs, for people
}

// Compare compares a document of the view that the projection makes in the live index with the one in the rebuilt index.
// The rebuilt one was read later, after everything that the live one knew had been folded into it; so a part may be ahead
// of the live one's, but not behind.
func Compare(p projection.Projection, live, rebuilt view.Document) Comparison {
	var c Comparison
	a, err := p.Decode(live.Source)
	if err != nil {
		c.wrong("live: %v", err)
		return c
	}
	b, err := p.Decode(rebuilt.Source)
	if err != nil {
		c.wrong("rebuilt: %v", err)
		return c
	}
	inRebuilt := b.Parts()
	for i, part := range a.Parts() {
		c.part(part, inRebuilt[i])
	}
	if len(c.Wrong) == 0 && c.Ahead == 0 && c.Healed == 0 && live.Hidden != rebuilt.Hidden {
		c.wrong("hidden: live %t, rebuilt %t", live.Hidden, rebuilt.Hidden)
	}
	return c
}

// part compares one part of two documents.
func (c *Comparison) part(live, rebuilt projection.Part) {
	a, b := live.Part, rebuilt.Part
	// Events that followed an owner's answer make the part the events' again. Then it can be told from a part that misses
	// something by what waits in the rebuilt one, or by its mark.
	healed := a.Origin == view.FromOwner || incomplete(b) && !incomplete(a)
	switch place := compareProgress(a, b); {
	case healed:
		c.Healed++
	case place < 0:
		c.Ahead++
	case place > 0:
		c.wrong("%s: live at %s, rebuilt at %s", live.Name, progress(a), progress(b))
	default:
		before := len(c.Wrong)
		for _, field := range []struct {
			name string
			a, b any
		}{
			{"state", live.State, rebuilt.State},
			{"waiting events", a.Waiting, b.Waiting},
			{"degraded", a.Degraded, b.Degraded},
			{"history", live.History, rebuilt.History},
		} {
			if !reflect.DeepEqual(field.a, field.b) {
				c.wrong("%s at %s: %s: live %s, rebuilt %s", live.Name, progress(a), field.name, text(field.a), text(field.b))
			}
		}
		if len(c.Wrong) == before {
			c.Same++
		}
	}
}

func (c *Comparison) wrong(format string, arguments ...any) {
	c.Wrong = append(c.Wrong, fmt.Sprintf(format, arguments...))
}

func incomplete(p view.Part) bool { return len(p.Waiting) > 0 || p.Degraded != nil }

// compareProgress orders two states of a part by how far they are: less than 0 where a is behind b. States without
// versions are ordered by their last event's place in the log; of two partitions neither is behind.
func compareProgress(a, b view.Part) int {
	switch {
	case a.Last == nil && b.Last == nil:
		return sign(int64(a.Version) - int64(b.Version) + int64(len(a.Waiting)) - int64(len(b.Waiting)))
	case a.Last == nil:
		return -1
	case b.Last == nil:
		return 1
	case a.Last.Partition != b.Last.Partition:
		return 0
	case a.Last.Offset != b.Last.Offset:
		return sign(a.Last.Offset - b.Last.Offset)
	}
	return a.Last.Index - b.Last.Index
}

func sign(n int64) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// progress says how far a part is.
func progress(p view.Part) string {
	switch {
	case p.Last != nil:
		return fmt.Sprintf("offset %d of partition %d", p.Last.Offset, p.Last.Partition)
	case len(p.Waiting) > 0:
		return fmt.Sprintf("version %d with %d waiting", p.Version, len(p.Waiting))
	}
	return fmt.Sprintf("version %d", p.Version)
}

// text returns a value as a difference shows it, cut where it is long.
func text(v any) string {
	const most = 300
	encoded, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	if len(encoded) > most {
		return string(encoded[:most]) + "..."
	}
	return string(encoded)
}

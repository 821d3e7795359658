package rebuild

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// partition names a partition of a topic.
type partition struct {
	topic  string
	number int32
}

func (p partition) String() string { return fmt.Sprintf("%s/%d", p.topic, p.number) }

// positions are offsets by partition.
type positions map[partition]int64

// missing returns how many offsets p lacks to reach the ends, over all partitions.
func (p positions) missing(ends positions) int64 {
	var n int64
	for part, end := range ends {
		n += max(0, end-p[part])
	}
	return n
}

// start returns where a group goes on: where it committed, else at the beginning. A partition whose records have been
// deleted further than that is an error: what was deleted can come into the index by no other way.
func start(oldest, committed positions) (positions, error) {
	from := positions{}
	var cut []string
	for part, first := range oldest {
		from[part] = committed[part]
		if first > from[part] {
			cut = append(cut, fmt.Sprintf("%s begins at offset %d, and %d is needed", part, first, from[part]))
		}
	}
	if len(cut) > 0 {
		slices.Sort(cut)
		return nil, fmt.Errorf("%w: %s", ErrHistory, strings.Join(cut, "; "))
	}
	return from, nil
}

// fresh is how old the ends of the topics may be, at most, that a group has passed which has caught up.
const fresh = 5 * time.Second

// chase follows a group that is catching up.
type chase struct {
	ends []snapshot // not passed yet, oldest first
}

type snapshot struct {
	at   time.Time
	ends positions
}

// observe takes a look at the ends, and at where the group is at a time not before them, and reports whether it has
// caught up.
func (c *chase) observe(now time.Time, ends, at positions) bool {
	c.ends = append(c.ends, snapshot{now, ends})
	caughtUp := false
	for len(c.ends) > 0 && at.missing(c.ends[0].ends) == 0 {
		caughtUp = now.Sub(c.ends[0].at) <= fresh
		c.ends = c.ends[1:]
	}
	if len(c.ends) > 0 { // a long backlog needs no more than those that may be passed in time
		stale := slices.IndexFunc(c.ends, func(s snapshot) bool { return now.Sub(s.at) <= fresh })
		c.ends = c.ends[max(stale, 0):]
	}
	return caughtUp
}

// Counts are how many documents an index holds.
type Counts struct{ Visible, Hidden int }

// compatible reports whether two indices can hold the same documents, where either may lack what is in some events still:
// an event makes one more document, or makes a hidden one visible. So many documents are visible in the live index because
// their owners were asked.
func compatible(live, rebuilt Counts, events int64, healed int) bool {
	within := func(a, b, more int) bool { return int64(max(a-b, b-a)) <= events+int64(more) }
	return within(live.Visible+live.Hidden, rebuilt.Visible+rebuilt.Hidden, 0) &&
		within(live.Visible, rebuilt.Visible, healed) && within(live.Hidden, rebuilt.Hidden, healed)
}

// Progress is how far an index is being filled.
type Progress struct {
	Done, Total int64         // records, of those that were there when it was looked last
	Took        time.Duration // since the work began
	Worked      int64         // records done in that time: less than Done where an earlier run had begun
}

// Rate returns records a second.
func (p Progress) Rate() float64 {
	if p.Took <= 0 {
		return 0
	}
	return float64(p.Worked) / p.Took.Seconds()
}

// Left returns how long the rest will take at the present rate; known is false where nothing has been done yet.
func (p Progress) Left() (left time.Duration, known bool) {
	rate := p.Rate()
	if rate <= 0 {
		return 0, p.Done >= p.Total
	}
	return time.Duration(float64(max(0, p.Total-p.Done)) / rate * float64(time.Second)), true
}

// String returns the progress as one line, with a bar.
func (p Progress) String() string {
	const width = 30
	share := 1.0
	if p.Total > 0 {
		share = min(1, float64(p.Done)/float64(p.Total))
	}
	full := int(share * width)
	left := "unknown time"
	if d, known := p.Left(); known {
		left = d.Round(time.Second).String()
	}
	return fmt.Sprintf("[%s%s] %3.0f %%  %d of %d records, %.0f a second, %s left",
		strings.Repeat("#", full), strings.Repeat(".", width-full), share*100, p.Done, p.Total, p.Rate(), left)
}

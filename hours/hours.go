// Package hours tells when somebody is open, in a form that any index of whole values can answer exactly.
//
// The minutes of a week, 0 for Monday's first to 10,079, are covered by blocks: block "k:n" has the minutes from n<<k up to,
// not including, (n+1)<<k. What is open is kept as the fewest blocks that make it up, 26 at most for one span; a minute lies
// in 14 blocks, one of each size. So who is open at a minute is who has one of these 14 values, and nothing is rounded. (The
// trick is that of segment trees, and of the prefixes by which indices of numbers answer ranges.)
package hours

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

const (
	day = 24 * 60
	// Week is how many minutes a week has.
	Week = 7 * day
	// sizes is how many sizes of blocks there are: a block of 1<<13 minutes is the largest that fits into a week.
	sizes = 14
)

// Span is the minutes from From up to, not including, To, where 0 ≤ From < Week and From < To ≤ From + Week. What is beyond
// the week's end is at its beginning.
type Span struct{ From, To int }

// weekdays are the days' names in events, in their order.
var weekdays = []string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"}

// On returns the span on a weekday, MONDAY to SUNDAY, between two times of day, HH:MM. It ends on the next day where it
// does not end later than it begins; 24:00 is the day's end.
func On(weekday, opens, closes string) (Span, error) {
	d := slices.Index(weekdays, weekday)
	from, ok := clock(opens)
	to, okTo := clock(closes)
	if closes == "24:00" {
		to, okTo = day, true
	}
	if d < 0 || !ok || !okTo {
		return Span{}, fmt.Errorf("no opening hours: on %.20q from %.20q to %.20q", weekday, opens, closes)
	}
	if to <= from {
		to += day
	}
	return Span{d*day + from, d*day + to}, nil
}

// clock reads a time of day.
func clock(s string) (minute int, ok bool) {
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil && len(s) == len("15:04")
}

// Blocks returns the blocks that spans are made of, in the order of their minutes: equal ones for spans that have the same
// minutes.
func Blocks(spans []Span) []string {
	var cut []Span // none of them beyond the week's end
	for _, s := range spans {
		cut = append(cut, Span{s.From, min(s.To, Week)})
		if s.To > Week {
			cut = append(cut, Span{0, s.To - Week})
		}
	}
	slices.SortFunc(cut, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	var blocks []string
	for len(cut) > 0 {
		whole := cut[0]
		for cut = cut[1:]; len(cut) > 0 && cut[0].From <= whole.To; cut = cut[1:] {
			whole.To = max(whole.To, cut[0].To)
		}
		for at := whole.From; at < whole.To; {
			k := 0
			for k+1 < sizes && at%(2<<k) == 0 && at+2<<k <= whole.To {
				k++
			}
			blocks = append(blocks, block(k, at))
			at += 1 << k
		}
	}
	return blocks
}

// Around returns the blocks that a minute of the week lies in.
func Around(minute int) []string {
	blocks := make([]string, sizes)
	for k := range blocks {
		blocks[k] = block(k, minute)
	}
	return blocks
}

// block returns the block of a size that a minute lies in.
func block(k, minute int) string { return strconv.Itoa(k) + ":" + strconv.Itoa(minute>>k) }

// MinuteOf returns which minute of the week it is by a time's own clock.
func MinuteOf(t time.Time) int {
	return (int(t.Weekday())+6)%7*day + t.Hour()*60 + t.Minute()
}

package hours

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// week is the oracle: each minute of a week, and whether it is open.
type week [Week]bool

func (w *week) open(spans []Span) {
	for _, s := range spans {
		for at := s.From; at < s.To; at++ {
			w[at%Week] = true
		}
	}
}

// minutes returns what blocks stand for, by their definition.
func minutes(t interface{ Fatalf(string, ...any) }, blocks []string) (w week) {
	for _, b := range blocks {
		var k, n int
		if _, err := fmt.Sscanf(b, "%d:%d", &k, &n); err != nil || fmt.Sprintf("%d:%d", k, n) != b {
			t.Fatalf("block %q", b)
		}
		for at := n << k; at < (n+1)<<k; at++ {
			if at >= Week || w[at] {
				t.Fatalf("block %s goes beyond the week, or is there twice: %v", b, blocks)
			}
			w[at] = true
		}
	}
	return w
}

var anySpan = rapid.Custom(func(t *rapid.T) Span {
	from := rapid.IntRange(0, Week-1).Draw(t, "from")
	return Span{from, from + rapid.IntRange(1, Week).Draw(t, "long")}
})

// TestBlocksHoldTheMinutes: the blocks of any spans hold just their minutes, few of them, and equal minutes have equal blocks.
func TestBlocksHoldTheMinutes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := rapid.SliceOfN(anySpan, 0, 8).Draw(t, "spans")
		var want week
		want.open(spans)
		blocks := Blocks(spans)
		if got := minutes(t, blocks); got != want {
			t.Fatalf("%v has other minutes than %v", blocks, spans)
		}
		if most := 26 * 2 * len(spans); len(blocks) > most {
			t.Fatalf("%d blocks of %d spans", len(blocks), len(spans))
		}
		slices.Reverse(spans)
		if again := Blocks(append(spans, spans...)); !slices.Equal(again, blocks) {
			t.Fatalf("%v, and in another order %v", blocks, again)
		}
	})
}

// TestOpenIsInAround: at every minute, to be open is to have one of the blocks around it.
func TestOpenIsInAround(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := rapid.SliceOfN(anySpan, 0, 4).Draw(t, "spans")
		var want week
		want.open(spans)
		blocks := Blocks(spans)
		at := rapid.SliceOfN(rapid.IntRange(0, Week-1), 1, 50).Draw(t, "minutes")
		for _, s := range spans { // where it matters
			at = append(at, s.From, (s.From+Week-1)%Week, s.To%Week, (s.To+Week-1)%Week)
		}
		for _, minute := range at {
			around := Around(minute)
			if len(around) != 14 {
				t.Fatalf("%d blocks around %d", len(around), minute)
			}
			open := slices.ContainsFunc(around, func(b string) bool { return slices.Contains(blocks, b) })
			if open != want[minute] {
				t.Fatalf("%v at minute %d: open %t", spans, minute, open)
			}
		}
	})
}

func TestOneSpanIsFewBlocks(t *testing.T) {
	most := 0
	for from := range Week {
		for _, to := range []int{Week, Week - 1, from + 1, from + 8191, from + 8192} {
			if from < to && to <= Week {
				most = max(most, len(Blocks([]Span{{from, to}})))
			}
		}
	}
	if most > 26 {
		t.Errorf("%d blocks of one span", most)
	}
}

func TestOn(t *testing.T) {
	for _, tt := range []struct {
		day, opens, closes string
		want               Span
	}{
		{"MONDAY", "00:00", "00:01", Span{0, 1}},
		{"MONDAY", "11:30", "22:00", Span{690, 1320}},
		{"TUESDAY", "18:00", "02:00", Span{1440 + 1080, 2880 + 120}},
		{"WEDNESDAY", "00:00", "24:00", Span{2880, 4320}},
		{"THURSDAY", "18:00", "00:00", Span{4320 + 1080, 5760}},
		{"FRIDAY", "09:00", "09:00", Span{5760 + 540, 7200 + 540}},
		{"SUNDAY", "23:00", "01:00", Span{Week - 60, Week + 60}},
	} {
		t.Run(tt.day, func(t *testing.T) {
			got, err := On(tt.day, tt.opens, tt.closes)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("span (-want +got):\n%s", diff)
			}
		})
	}
	for _, wrong := range [][3]string{
		{"Monday", "11:00", "12:00"}, {"", "11:00", "12:00"}, {"MONDAY", "24:00", "01:00"}, {"MONDAY", "1:00", "02:00"},
		{"MONDAY", "11:60", "12:00"}, {"MONDAY", "11:00", "24:01"}, {"MONDAY", "11:00", ""},
	} {
		if s, err := On(wrong[0], wrong[1], wrong[2]); err == nil {
			t.Errorf("%v is %v", wrong, s)
		}
	}
}

// TestMinuteOf: by a place's own clock, also in the night in which it is put forward or back.
func TestMinuteOf(t *testing.T) {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	const sunday = 6 * day
	for _, tt := range []struct {
		at   string
		want int
	}{
		{"2026-03-02T08:00:00Z", 0}, // Monday, midnight
		{"2026-03-02T07:59:59Z", Week - 1},
		{"2026-03-08T09:59:00Z", sunday + 119}, // clocks go from 2:00 to 3:00
		{"2026-03-08T10:00:00Z", sunday + 180},
		{"2026-11-01T08:30:00Z", sunday + 90}, // and from 2:00 back to 1:00
		{"2026-11-01T09:30:00Z", sunday + 90},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := MinuteOf(at.In(zone)); got != tt.want {
			t.Errorf("%s is minute %d, want %d", tt.at, got, tt.want)
		}
	}
}

// FuzzOn: whatever is taken is a span within its bounds, that begins on its day.
func FuzzOn(f *testing.F) {
	f.Add("MONDAY", "11:30", "22:00")
	f.Add("SUNDAY", "23:00", "24:00")
	f.Fuzz(func(t *testing.T, weekday, opens, closes string) {
		s, err := On(weekday, opens, closes)
		if err != nil {
			return
		}
		if s.From < 0 || s.From >= Week || s.To <= s.From || s.To > s.From+day || weekdays[s.From/day] != weekday {
			t.Errorf("%q from %q to %q is %v", weekday, opens, closes, s)
		}
	})
}

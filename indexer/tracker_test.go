package indexer

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestTrackerMarksContiguousPrefix: whatever the order in which records end, what is marked is the offset behind the
// longest prefix of ended ones, and it never goes back.
func TestTrackerMarksContiguousPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var marked int64
		tr := &tracker{mark: func(next int64) {
			if next <= marked {
				t.Fatalf("marked %d after %d", next, marked)
			}
			marked = next
		}}
		var records []*record
		var left []int // events that are left of each
		offset := int64(0)
		next := func() int64 {
			for i, n := range left {
				if n > 0 {
					return records[i].offset
				}
			}
			return offset
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "take") || len(records) == 0 {
				offset += int64(rapid.IntRange(0, 2).Draw(t, "offsets without a record"))
				n := rapid.IntRange(1, 3).Draw(t, "events")
				records, left = append(records, tr.take(offset, 1, n)), append(left, n)
				offset++
				continue
			}
			i := rapid.IntRange(0, len(records)-1).Draw(t, "which")
			if left[i] == 0 {
				continue
			}
			left[i]--
			if last := records[i].done(); last != (left[i] == 0) {
				t.Fatalf("done says last: %t, with %d events left", last, left[i])
			}
			ended := int64(0)
			for j := 0; j < len(records) && left[j] == 0; j++ {
				ended = records[j].offset + 1
			}
			if marked != ended {
				t.Fatalf("marked %d, want %d (next unfinished is %d)", marked, ended, next())
			}
		}
	})
}

func TestProgress(t *testing.T) {
	start := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	type told struct {
		Lag
		Known bool
	}
	var p progress
	check := func(what string, seconds int, want told) {
		t.Helper()
		lag, known := p.lag(at(seconds))
		if diff := cmp.Diff(want, told{lag, known}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	a0, a1 := partition{Topic: "a", Number: 0}, partition{Topic: "a", Number: 1}
	position, end := int64(0), int64(10)
	observe := func(seconds int) { p.observe(at(seconds), map[partition]int64{a0: end, a1: 5}) }

	check("before a session", 0, told{})
	p.begin(0, false)
	observe(0)
	check("a session without claims", 0, told{})
	p.begin(2, true)
	p.claim(a0, func() int64 { return position })
	observe(0)
	check("before all claims have begun", 0, told{})
	if got := p.claims(); got != nil {
		t.Errorf("claims are told before all have begun: %v", got)
	}
	p.claim(a1, func() int64 { return 5 })
	check("before the ends are known", 0, told{})
	observe(1)
	check("nothing passed yet", 3, told{Lag{10, 2 * time.Second, true}, true})
	end = 20
	observe(4)
	position = 10
	observe(5)
	check("the first end passed, the second not", 6, told{Lag{10, 5 * time.Second, true}, true})
	position = 20
	observe(7)
	check("all passed", 7, told{Lag{0, 0, true}, true})
	check("nobody tells the ends any more", 37, told{Lag{0, 30 * time.Second, true}, true})
	end = 1_000_000
	for i := range 5000 {
		observe(40 + i)
	}
	check("a long backlog", 5040, told{Lag{1_000_000 - 20, 5033 * time.Second, true}, true})
	p.end()
	check("after the session", 5041, told{})
	p.begin(1, false)
	p.claim(a0, func() int64 { return end })
	observe(5042)
	check("some of the partitions", 5042, told{Lag{0, 0, false}, true})
}

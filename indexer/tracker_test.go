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
	type lag struct {
		Records int64
		Age     time.Duration
		Known   bool
	}
	var p progress
	look := func(seconds int) lag {
		records, age, known := p.lag(at(seconds))
		return lag{records, age, known}
	}
	check := func(what string, got, want lag) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	check("before a session", look(0), lag{})
	position, end := int64(0), int64(10)
	p.begin(2)
	p.claim(partition{"a", 0}, claimed{func() int64 { return position }, func() int64 { return end }})
	p.observe(at(0))
	check("before all claims are told", look(0), lag{})
	p.claim(partition{"a", 1}, claimed{func() int64 { return 5 }, func() int64 { return 5 }})
	p.observe(at(1))
	check("nothing passed yet", look(3), lag{10, 2 * time.Second, true})
	end = 20
	p.observe(at(4))
	position = 10
	p.observe(at(5))
	check("the first end passed, the second not", look(6), lag{10, 5 * time.Second, true})
	position = 20
	p.observe(at(7))
	check("all passed", look(7), lag{0, 0, true})
	end = 1_000_000
	for i := range 5000 {
		p.observe(at(10 + i))
	}
	if len(p.ends) > maxSnapshots {
		t.Errorf("%d snapshots are kept, over %d", len(p.ends), maxSnapshots)
	}
	check("a long backlog", look(5010), lag{1_000_000 - 20, 5003 * time.Second, true})
	p.end()
	check("after the session", look(5011), lag{})
}

package rebuild

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var (
	p0 = partition{"a", 0}
	p1 = partition{"a", 1}
)

func TestStart(t *testing.T) {
	for _, tt := range []struct {
		name              string
		oldest, committed positions
		want              positions
		cut               []string // what an error tells
	}{
		{"from the beginning", positions{p0: 0, p1: 0}, nil, positions{p0: 0, p1: 0}, nil},
		{"where it was", positions{p0: 0, p1: 0}, positions{p0: 7}, positions{p0: 7, p1: 0}, nil},
		{"cut off before the beginning", positions{p0: 3, p1: 0}, nil, nil, []string{"a/0 begins at offset 3, and 0 is needed"}},
		{"cut off behind", positions{p0: 7, p1: 5}, positions{p0: 7, p1: 9}, positions{p0: 7, p1: 9}, nil},
		{"cut off both", positions{p0: 8, p1: 5}, positions{p0: 7}, nil, []string{"a/0 begins at offset 8, and 7", "a/1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := start(tt.oldest, tt.committed)
			if errors.Is(err, ErrHistory) != (tt.cut != nil) {
				t.Fatalf("error %v", err)
			}
			for _, text := range tt.cut {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("error %v does not tell %q", err, text)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("begins at (-want +got):\n%s", diff)
			}
		})
	}
}

func TestChase(t *testing.T) {
	type look struct {
		at       time.Duration
		ends     int64
		position int64
		caughtUp bool
	}
	for _, tt := range []struct {
		name  string
		looks []look
	}{
		{"nothing to do", []look{{0, 0, 0, true}}},
		{"a backlog, then nothing more", []look{{0, 1000, 0, false}, {9, 1000, 999, false}, {10, 1000, 1000, true}}},
		{"as fast as it is published", []look{{0, 1000, 0, false}, {1, 2000, 1000, true}, {2, 3000, 2000, true}}},
		{"the end of long ago only", []look{{0, 1000, 0, false}, {6, 9000, 1000, false}, {7, 9000, 9000, true}}},
		{"slower than it is published", []look{{0, 1000, 0, false}, {6, 2000, 900, false}, {12, 3000, 1900, false}}},
		{"records are left and nothing moves", []look{{0, 1001, 0, false}, {1, 1001, 900, false}, {60, 1001, 900, false}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c chase
			begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for _, l := range tt.looks {
				now := begin.Add(l.at * time.Second)
				got := c.observe(now, positions{p0: l.ends, p1: 0}, positions{p0: l.position})
				if got != l.caughtUp {
					t.Errorf("after %d s, at %d of %d: caught up %t", l.at, l.position, l.ends, got)
				}
			}
		})
	}
}

// TestChaseLaw: who has caught up has passed ends that were there not long ago; and who stands at all the ends has caught
// up.
func TestChaseLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c chase
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var end, at int64
		var seen []snapshot
		for range rapid.IntRange(1, 30).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(0, 8000).Draw(t, "ms")) * time.Millisecond)
			end += int64(rapid.IntRange(0, 500).Draw(t, "published"))
			at += rapid.Int64Range(0, end-at).Draw(t, "done")
			seen = append(seen, snapshot{now, positions{p0: end}})
			got := c.observe(now, positions{p0: end}, positions{p0: at})
			passed := false
			for _, s := range seen {
				passed = passed || now.Sub(s.at) <= fresh && s.ends[p0] <= at
			}
			if got && !passed {
				t.Fatalf("at %d of %d: caught up", at, end)
			}
			if at == end && !got {
				t.Fatalf("at the end, %d: not caught up", end)
			}
		}
	})
}

func TestCompatible(t *testing.T) {
	for _, tt := range []struct {
		name          string
		live, rebuilt Counts
		events        int64
		healed        int
		want          bool
	}{
		{"equal", Counts{10, 2}, Counts{10, 2}, 0, 0, true},
		{"one less", Counts{10, 2}, Counts{9, 2}, 0, 0, false},
		{"one more", Counts{10, 2}, Counts{11, 2}, 0, 0, false},
		{"one less, and an event on its way", Counts{10, 2}, Counts{9, 2}, 1, 0, true},
		{"one became visible on the way", Counts{10, 2}, Counts{9, 3}, 1, 0, true},
		{"one hidden", Counts{10, 2}, Counts{9, 3}, 0, 0, false},
		{"one hidden that an owner told", Counts{10, 2}, Counts{9, 3}, 0, 1, true},
		{"owners make no documents", Counts{10, 2}, Counts{9, 2}, 0, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := compatible(tt.live, tt.rebuilt, tt.events, tt.healed); got != tt.want {
				t.Errorf("compatible: %t", got)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    Progress
		want string
	}{
		{"nothing to do", Progress{}, "[##############################] 100 %  0 of 0 records, 0 a second, 0s left"},
		{"not begun", Progress{Total: 10},
			"[..............................]   0 %  0 of 10 records, 0 a second, unknown time left"},
		{"half", Progress{Done: 500, Total: 1000, Worked: 500, Took: 10 * time.Second},
			"[###############...............]  50 %  500 of 1000 records, 50 a second, 10s left"},
		{"resumed", Progress{Done: 900, Total: 1000, Worked: 50, Took: 10 * time.Second},
			"[###########################...]  90 %  900 of 1000 records, 5 a second, 20s left"},
		{"past what was there", Progress{Done: 12, Total: 10, Worked: 12, Took: time.Second},
			"[##############################] 100 %  12 of 10 records, 12 a second, 0s left"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.p.String()); diff != "" {
				t.Errorf("progress (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCoverage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		states []struct {
			at      positions
			members int
		}
		offset int64
		want   bool
	}{
		{"they are past it", []struct {
			at      positions
			members int
		}{{positions{p0: 8}, 1}}, 7, true},
		{"they come to it", []struct {
			at      positions
			members int
		}{{positions{p0: 7}, 1}, {positions{p0: 7}, 1}, {positions{p0: 8}, 1}}, 7, true},
		{"they were past it and went", []struct {
			at      positions
			members int
		}{{positions{p0: 8}, 0}}, 7, true},
		{"they went before it", []struct {
			at      positions
			members int
		}{{positions{p0: 7}, 1}, {positions{p0: 7}, 0}}, 7, false},
		{"there never was one", []struct {
			at      positions
			members int
		}{{nil, 0}}, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCoverage()
			answer := make(chan bool)
			go func() { answer <- c.covers(t.Context(), p0, tt.offset) }()
			for i, s := range tt.states {
				select {
				case got := <-answer:
					t.Fatalf("covered %t before state %d", got, i)
				default:
				}
				c.set(s.at, s.members)
			}
			if got := <-answer; got != tt.want {
				t.Errorf("covered: %t", got)
			}
		})
	}
}

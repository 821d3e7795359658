package indexer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestPace: of two claims with a backlog the one ahead waits until the other has nearly come there too, has no backlog
// any more, or gives nothing for too long.
func TestPace(t *testing.T) {
	ahead, behind := partition{Topic: "a", Number: 0}, partition{Topic: "b", Number: 0}
	for _, tt := range []struct {
		name   string
		then   func(ctx context.Context, p *pace) // what happens after a while
		passes bool                               // before the patience is over
	}{
		{"comes there", func(ctx context.Context, p *pace) { p.keep(ctx, behind, 9) }, true},
		{"comes nearer", func(ctx context.Context, p *pace) { p.keep(ctx, behind, 8) }, false},
		{"leaves", func(_ context.Context, p *pace) { p.leave(behind) }, true},
		{"gives nothing", func(context.Context, *pace) {}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, ctx := newPace(), t.Context()
				if !p.keep(ctx, behind, 1) || !p.keep(ctx, ahead, 2) {
					t.Fatal("claims in neighbouring stretches wait for each other")
				}
				begin := time.Now()
				var took time.Duration
				go func() {
					p.keep(ctx, ahead, 10)
					took = time.Since(begin)
				}()
				synctest.Wait()
				const while = pacePatience / 2
				time.Sleep(while)
				tt.then(ctx, p)
				time.Sleep(pacePatience)
				synctest.Wait()
				want := pacePatience
				if tt.passes {
					want = while
				}
				if took != want {
					t.Errorf("the claim ahead waited %v, want %v", took, want)
				}
			})
		})
	}
}

// TestPaceEnds: a claim that waits goes on as soon as its session ends, and says so.
func TestPaceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace()
		ctx, end := context.WithCancel(t.Context())
		p.keep(ctx, partition{Topic: "b", Number: 0}, 1)
		time.AfterFunc(time.Millisecond, end)
		begin := time.Now()
		if p.keep(ctx, partition{Topic: "a", Number: 0}, 10) {
			t.Error("keep reports that the session has not ended")
		}
		if took := time.Since(begin); took != time.Millisecond {
			t.Errorf("it waited %v, want 1ms", took)
		}
	})
}

// TestPaceForgets: after a claim was not waited for, those ahead of it pass without a pause until it moves.
func TestPaceForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace()
		p.keep(t.Context(), partition{Topic: "b", Number: 0}, 1)
		begin := time.Now()
		for at := range int64(5) {
			p.keep(t.Context(), partition{Topic: "a", Number: 0}, 10+10*at)
		}
		if took := time.Since(begin); took != pacePatience {
			t.Errorf("five stretches took %v, want one patience, %v", took, pacePatience)
		}
	})
}

func TestFetchSize(t *testing.T) {
	for partitions, want := range map[int]int32{
		0: 256 << 10, 4: 256 << 10, 16: 256 << 10, 64: 64 << 10, 128: 32 << 10, 4000: 32 << 10,
	} {
		if got := fetchSize(partitions); got != want {
			t.Errorf("of %d partitions %d bytes each, want %d", partitions, got, want)
		}
	}
}

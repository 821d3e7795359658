package indexer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
)

// itemsOf returns so many items of so many bytes each.
func itemsOf(n, bytes int) (items []*item) {
	for range n {
		items = append(items, &item{message: &sarama.ConsumerMessage{Value: make([]byte, bytes)}})
	}
	return items
}

// TestQueue: a batch is taken when it is full or the linger is over, with all that is there.
func TestQueue(t *testing.T) {
	const linger = backlogLinger / 5
	for _, tt := range []struct {
		name  string
		first int           // items that are there at once
		bytes int           // of each
		more  int           // that come half a linger later
		ends  time.Duration // when no more is known to come
		want  int
		after time.Duration
	}{
		{"one", 1, 1, 0, 0, 1, linger},
		{"more in time", 1, 1, 2, 0, 3, linger},
		{"full by number", 4, 1, 0, 0, 4, 0},
		{"full by bytes", 2, 50, 0, 0, 2, 0},
		{"full by one that is too large", 1, 1000, 0, 0, 1, 0},
		{"full while it lingers", 1, 1, 3, 0, 4, linger / 2},
		{"in a backlog", 1, 1, 0, time.Hour, 1, backlogLinger},
		{"in a backlog that ends", 1, 1, 0, 3 * linger / 2, 1, 2 * linger},
		{"full in a backlog", 1, 1, 3, time.Hour, 4, linger / 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(4, 100)
				for _, it := range itemsOf(tt.first, tt.bytes) {
					q.put(t.Context(), it)
				}
				go func() {
					time.Sleep(linger / 2)
					for _, it := range itemsOf(tt.more, tt.bytes) {
						q.put(t.Context(), it)
					}
				}()
				begin := time.Now()
				got := q.take(linger, func() bool { return time.Since(begin) < tt.ends })
				if after := time.Since(begin); len(got) != tt.want || after != tt.after {
					t.Errorf("%d items after %v, want %d after %v", len(got), after, tt.want, tt.after)
				}
				time.Sleep(linger)
			})
		})
	}
}

// TestQueueFull: what is put into a full queue waits until a batch is taken, or its context ends.
func TestQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, none := newQueue(2, 100), func() bool { return false }
		first, second, third := itemsOf(1, 1)[0], itemsOf(1, 1)[0], itemsOf(1, 1)[0]
		q.put(t.Context(), first)
		q.put(t.Context(), second)

		ended, end := context.WithCancel(t.Context())
		end()
		if q.put(ended, third) {
			t.Error("an item was put into a full queue")
		}
		put := make(chan bool, 1)
		go func() { put <- q.put(t.Context(), third) }()
		synctest.Wait()
		if len(put) > 0 {
			t.Error("an item was put into a full queue")
		}
		if got := q.take(0, none); len(got) != 2 || got[0] != first || got[1] != second {
			t.Errorf("the first batch has %d items, want the first two in their order", len(got))
		}
		if !<-put {
			t.Error("an item was not put although there was room")
		}
		if got := q.take(0, none); len(got) != 1 || got[0] != third {
			t.Errorf("the second batch has %d items, want the third alone", len(got))
		}
	})
}

// TestQueueClosed: what is there when the queue is closed is taken without a linger, and then nothing.
func TestQueueClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, none := newQueue(4, 100), func() bool { return false }
		q.put(t.Context(), itemsOf(1, 1)[0])
		time.AfterFunc(time.Second, q.close)
		begin := time.Now()
		if got := q.take(time.Hour, none); len(got) != 1 || time.Since(begin) != time.Second {
			t.Errorf("%d items after %v, want 1 after a second", len(got), time.Since(begin))
		}
		if got := q.take(time.Hour, none); len(got) != 0 {
			t.Errorf("%d items from a closed queue, want none", len(got))
		}
	})
}

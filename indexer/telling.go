package indexer

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/feed/broker"
)

// telling is what a session has to tell gateways: which documents its workers have written, and how far its claims are.
// Records end only when the news of their documents are out: after a crash in between they are consumed again, found to
// be applied, and told again. So no change is lost to those who follow, whatever happens between the store and the feed.
type telling struct {
	feed    feed.Publisher // nil: there is nobody to tell
	indices []string       // the ids of the views' indices that there are news of
	release func(*record)

	mu    sync.Mutex
	out   int           // guarded by mu: news of documents that are on their way
	idle  chan struct{} // guarded by mu: closed when none is; nil unless end waits for it
	ended bool          // guarded by mu: the session has ended, so that nothing is released any more

	filling map[partition]int64 // where the claims' first filling ends; none where it is over. Not changed
	untold  atomic.Int64        // news of progress that are on their way

	// Of the goroutine that tells progress.
	told        feed.Positions // what was told last
	toldFilling bool           //
	whole       time.Time      // when all of it was told
}

func newTelling(x *Indexer, filling map[partition]int64, release func(*record)) *telling {
	t := &telling{feed: x.options.Feed, release: release, filling: filling, told: feed.Positions{}}
	for _, v := range x.views {
		if v.Index != "" {
			t.indices = append(t.indices, v.Index)
		}
	}
	return t
}

// changed tells that documents of an index are as the store has them, and ends these records once that is out. It does
// not wait for it.
func (t *telling) changed(index string, ids []string, records []*record) {
	if t.feed == nil || index == "" || len(ids) == 0 {
		for _, r := range records {
			t.release(r)
		}
		return
	}
	t.mu.Lock()
	t.out++
	t.mu.Unlock()
	t.feed.Publish(feed.News{Index: index, Changed: ids}, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.ended {
			return
		}
		for _, r := range records {
			t.release(r)
		}
		t.out--
		if t.out == 0 && t.idle != nil {
			close(t.idle)
			t.idle = nil
		}
	})
}

// end waits until what was told is out, or given up. Records that have not ended by then never do.
func (t *telling) end(given <-chan struct{}) {
	idle := make(chan struct{})
	t.mu.Lock()
	if t.out > 0 {
		t.idle = idle
	} else {
		close(idle)
	}
	t.mu.Unlock()
	select {
	case <-idle:
	case <-given:
	}
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
}

const (
	// progressInterval is how often progress is told where there is any.
	progressInterval = 40 * time.Millisecond
	// repeatInterval is how often all of it is told: for gateways that have just come. With the ticker's step it stays
	// below a second.
	repeatInterval = 900 * time.Millisecond
)

// progress tells how far the claims are, if they have moved or it is time to repeat it. It tells nothing while what it told
// before is on its way, so that a feed that is down is not flooded.
func (t *telling) progress(now time.Time, written feed.Positions) {
	if t.untold.Load() > 0 {
		return
	}
	filling := false
	for part, until := range t.filling {
		if at, begun := written[part]; begun && at < until {
			filling = true
		}
	}
	if filling != t.toldFilling || now.Sub(t.whole) >= repeatInterval {
		t.toldFilling, t.whole = filling, now
		clear(t.told)
	}
	moved := feed.Positions{}
	for part, offset := range written {
		if was, told := t.told[part]; !told || was < offset {
			moved[part], t.told[part] = offset, offset
		}
	}
	if len(moved) == 0 {
		return
	}
	for _, index := range t.indices {
		t.untold.Add(1)
		t.feed.Publish(feed.News{Index: index, Written: moved, Filling: filling}, func() { t.untold.Add(-1) })
	}
}

// A partition's first filling ends where the partition ended when an indexer of the index first came to it. That place is
// committed with the offsets, as their metadata, until it is passed: so whoever claims the partition next knows it, and a
// group that has committed is not filling unless its metadata say so.

// fillingMark returns the metadata to commit with an offset.
func fillingMark(offset, until int64) string {
	if offset >= until {
		return ""
	}
	return fillingPrefix + strconv.FormatInt(until, 10)
}

const fillingPrefix = "filling until "

// parseFilling returns what fillingMark says: 0 for what it does not understand.
func parseFilling(metadata string) int64 {
	text, ok := strings.CutPrefix(metadata, fillingPrefix)
	until, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil {
		return 0
	}
	return until
}

// filling returns where the first filling of these claims ends; those where it has ended are not in it.
func (h *handler) filling(claims map[string][]int32) (map[partition]int64, error) {
	admin, err := sarama.NewClusterAdminFromClient(h.watch) // not closed: that would close the client
	if err != nil {
		return nil, fmt.Errorf("offsets of group %s: %w", h.indexer.options.Group, err)
	}
	answer, err := admin.ListConsumerGroupOffsets(h.indexer.options.Group, claims)
	if err != nil {
		return nil, fmt.Errorf("offsets of group %s: %w", h.indexer.options.Group, err)
	}
	filling := map[partition]int64{}
	var fresh []partition
	for topic, numbers := range claims {
		for _, number := range numbers {
			block := answer.GetBlock(topic, number)
			switch {
			case block == nil || block.Err == sarama.ErrNoError && block.Offset < 0:
				fresh = append(fresh, partition{Topic: topic, Number: number})
			case block.Err != sarama.ErrNoError:
				return nil, fmt.Errorf("offset of group %s in %s/%d: %w", h.indexer.options.Group, topic, number, block.Err)
			default:
				if until := parseFilling(block.Metadata); until > block.Offset {
					filling[partition{Topic: topic, Number: number}] = until
				}
			}
		}
	}
	ends, err := broker.Ends(h.watch, fresh)
	for part, end := range ends {
		if end > 0 {
			filling[part] = end
		}
	}
	return filling, err
}

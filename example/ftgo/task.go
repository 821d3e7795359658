package ftgo

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"

	"github.com/viewgate/viewgate/retry"
	"github.com/viewgate/viewgate/wire"
)

// task is something that a service has promised in a transaction and does afterwards with the help of others: a saga of
// the Order service, a message of the Kitchen service to the Delivery service. It stays in the file until it is done, so
// it survives a restart; it then begins anew, so each of its steps can be taken twice.
type task struct {
	Kind taskKind `json:"kind"`
	ID   wire.ID  `json:"id"` // the aggregate that it is about

	sequence uint64
}

type taskKind string

// taskWorkers is how many tasks a service works on at once.
const taskWorkers = 16

// promise adds a task to the transaction.
func (c *commit) promise(kind taskKind, id wire.ID) error {
	return c.append(taskBucket, task{Kind: kind, ID: id})
}

// done takes a task out, in the transaction that brings its outcome.
func (c *commit) done(t task) error {
	return c.tx.Bucket(taskBucket).Delete(number(t.sequence))
}

// runTasks performs the tasks in the file and those that come, oldest first, until ctx ends; it returns when all that it
// began have returned. perform takes the task out of the file itself when it is done (commit.done); if it fails, it is
// called again after a while.
func (s *store) runTasks(ctx context.Context, perform func(context.Context, task) error, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(taskWorkers)
	begun := &begunTasks{sequences: map[uint64]bool{}}
	for ctx.Err() == nil {
		t, ok, err := s.nextTask(begun.copy())
		if err != nil {
			cancel()
			return errors.Join(fmt.Errorf("tasks: %w", err), g.Wait())
		}
		if !ok {
			select {
			case <-ctx.Done():
			case <-s.tasked:
			}
			continue
		}
		begun.set(t.sequence, true)
		g.Go(func() error {
			defer begun.set(t.sequence, false)
			insist(ctx, log, t, perform)
			return nil
		})
	}
	return g.Wait()
}

// insist performs one task until it succeeds or ctx ends.
func insist(ctx context.Context, log *slog.Logger, t task, perform func(context.Context, task) error) {
	pause := 20 * time.Millisecond
	for {
		err := perform(ctx, t)
		if err == nil || ctx.Err() != nil {
			return
		}
		log.Warn("task failed and will be tried again", "task", t.Kind, "id", t.ID, "pause", pause, "error", err)
		if !retry.Wait(ctx, pause) {
			return
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// nextTask returns the oldest task that has not begun.
func (s *store) nextTask(begun map[uint64]bool) (t task, ok bool, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(taskBucket).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			sequence := binary.BigEndian.Uint64(k)
			if begun[sequence] {
				continue
			}
			ok = true
			if err := json.Unmarshal(v, &t); err != nil {
				return err
			}
			t.sequence = sequence
			return nil
		}
		return nil
	})
	return t, ok, err
}

// begunTasks are the tasks under way, at most taskWorkers.
type begunTasks struct {
	mu        sync.Mutex // guards sequences
	sequences map[uint64]bool
}

func (b *begunTasks) set(sequence uint64, begun bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if begun {
		b.sequences[sequence] = true
	} else {
		delete(b.sequences, sequence)
	}
}

// copy returns a snapshot. It is taken before the file is read: a task that ends in between is then still known as begun,
// and is not taken for a new one.
func (b *begunTasks) copy() map[uint64]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.sequences)
}

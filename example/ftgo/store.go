package ftgo

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/wire"
)

// The buckets of a service's file.
var (
	stateBucket  = []byte("aggregates") // id → record
	outboxBucket = []byte("outbox")     // sequence → Message
	taskBucket   = []byte("tasks")      // sequence → task
	indexBucket  = []byte("index")      // a service's own index
)

// errNotFound says that there is no aggregate with the id, or none that the outside knows of.
var errNotFound = errors.New("not found")

// store is one service's file. State, outbox and tasks change in one transaction.
type store struct {
	db        *bbolt.DB
	now       func() time.Time
	published signal // there may be something in the outbox
	tasked    signal // there may be a task to do
}

// signal wakes one waiter; signals that come before it waits are kept as one.
type signal chan struct{}

func (s signal) notify() {
	select {
	case s <- struct{}{}:
	default:
	}
}

func openStore(path string, now func() time.Time, noSync bool) (*store, error) {
	db, err := bbolt.Open(path, 0o644, &bbolt.Options{Timeout: time.Second, NoSync: noSync, NoFreelistSync: true})
	if errors.Is(err, bbolt.ErrTimeout) {
		return nil, fmt.Errorf("%s is in use by another process: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s := &store{db: db, now: now, published: make(signal, 1), tasked: make(signal, 1)}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{stateBucket, outboxBucket, taskBucket, indexBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return s, nil
}

func (s *store) close() error { return s.db.Close() }

// commit is one transaction of a service.
type commit struct {
	tx *bbolt.Tx
	at wire.Time // the service's clock: the time of all events of this commit
}

// update runs fn in a transaction, which is undone if fn fails, and then wakes the relay and the task runner.
func (s *store) update(fn func(*commit) error) error {
	err := s.db.Update(func(tx *bbolt.Tx) error { return fn(&commit{tx: tx, at: wire.At(s.now())}) })
	if err != nil {
		return err
	}
	s.published.notify()
	s.tasked.notify()
	return nil
}

// append adds a value at the end of a bucket that is a queue.
func (c *commit) append(bucket []byte, value any) error {
	b := c.tx.Bucket(bucket)
	n, err := b.NextSequence()
	if err != nil {
		return err
	}
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return b.Put(number(n), data)
}

// number returns n as a key: keys sort as the numbers do.
func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// key returns an aggregate's key. ok is false for what is no id of ours.
func key(id wire.ID) (k []byte, ok bool) {
	n, err := strconv.ParseUint(string(id), 10, 63)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != string(id) {
		return nil, false
	}
	return number(n), true
}

// record is an aggregate as its service keeps it.
type record[T any] struct {
	ID      wire.ID   `json:"id"`
	Version uint64    `json:"version"` // counts its events; 0: none yet, and the outside does not know it
	Changed wire.Time `json:"changed"` // the time of the last event
	State   T         `json:"state"`
}

// aggregates are all aggregates of one service.
type aggregates[T any] struct {
	*store
	kind event.Aggregate
}

// edit is an aggregate in a transaction.
type edit[T any] struct {
	record[T]
	*commit
	kind  event.Aggregate
	found bool // the aggregate was there before
	drop  bool // the aggregate is to be forgotten
}

// emit puts an event of the aggregate into the outbox: its next version, at the commit's time.
func (e *edit[T]) emit(payload any) error {
	e.Version++
	e.Changed = e.at
	m, err := newMessage(e.kind, e.ID, e.Version, e.at, payload)
	if err != nil {
		return err
	}
	return e.append(outboxBucket, m)
}

// change runs fn on an aggregate, which must exist, and keeps what it made of it. If fn fails, nothing has happened.
func (a aggregates[T]) change(id wire.ID, fn func(*edit[T]) error) (record[T], error) {
	return a.put(id, func(e *edit[T]) error {
		if !e.found {
			return errNotFound
		}
		return fn(e)
	})
}

// put is change for an aggregate that may not exist yet.
func (a aggregates[T]) put(id wire.ID, fn func(*edit[T]) error) (r record[T], err error) {
	err = a.update(func(c *commit) error {
		r, err = a.edit(c, id, fn)
		return err
	})
	return r, err
}

// add is put for a new aggregate with the next free id: the very first has the id first.
func (a aggregates[T]) add(first uint64, fn func(*edit[T]) error) (r record[T], err error) {
	err = a.update(func(c *commit) error {
		n, err := c.tx.Bucket(stateBucket).NextSequence()
		if err != nil {
			return err
		}
		r, err = a.edit(c, wire.ID(strconv.FormatUint(first+n-1, 10)), fn)
		return err
	})
	return r, err
}

func (a aggregates[T]) edit(c *commit, id wire.ID, fn func(*edit[T]) error) (record[T], error) {
	k, ok := key(id)
	if !ok {
		return record[T]{}, errNotFound
	}
	b := c.tx.Bucket(stateBucket)
	e := &edit[T]{record: record[T]{ID: id}, commit: c, kind: a.kind}
	if data := b.Get(k); data != nil {
		e.found = true
		if err := json.Unmarshal(data, &e.record); err != nil {
			return record[T]{}, fmt.Errorf("%s %s: %w", a.kind, id, err)
		}
	}
	if err := fn(e); err != nil {
		return record[T]{}, err
	}
	if e.drop {
		return e.record, b.Delete(k)
	}
	data, err := json.Marshal(e.record)
	if err != nil {
		return record[T]{}, fmt.Errorf("%s %s: %w", a.kind, id, err)
	}
	return e.record, b.Put(k, data)
}

// get returns the aggregates with these ids, in this order. Unknown ids are left out, and so are aggregates without an
// event: nobody outside can know of them.
func (a aggregates[T]) get(ids []wire.ID) ([]record[T], error) {
	var found []record[T]
	err := a.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(stateBucket)
		for _, id := range ids {
			k, ok := key(id)
			if !ok {
				continue
			}
			var r record[T]
			data := b.Get(k)
			if data == nil {
				continue
			}
			if err := json.Unmarshal(data, &r); err != nil {
				return fmt.Errorf("%s %s: %w", a.kind, id, err)
			}
			if r.Version > 0 {
				found = append(found, r)
			}
		}
		return nil
	})
	return found, err
}

// one returns the aggregate with this id, or errNotFound.
func (a aggregates[T]) one(id wire.ID) (record[T], error) {
	found, err := a.get([]wire.ID{id})
	if err != nil {
		return record[T]{}, err
	}
	if len(found) == 0 {
		return record[T]{}, errNotFound
	}
	return found[0], nil
}

// all returns the aggregates that keep wants, by ascending id.
func (a aggregates[T]) all(keep func(*record[T]) bool) ([]record[T], error) {
	var found []record[T]
	err := a.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(stateBucket).ForEach(func(_, data []byte) error {
			var r record[T]
			if err := json.Unmarshal(data, &r); err != nil {
				return fmt.Errorf("%s: %w", a.kind, err)
			}
			if r.Version > 0 && keep(&r) {
				found = append(found, r)
			}
			return nil
		})
	})
	return found, err
}

// empty reports whether the service has no aggregates yet.
func (a aggregates[T]) empty() (empty bool, err error) {
	err = a.db.View(func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket(stateBucket).Cursor().First()
		empty = k == nil
		return nil
	})
	return empty, err
}

// scanPrefix calls each with the values of the keys that begin with prefix, in the keys' order.
func scanPrefix(b *bbolt.Bucket, prefix []byte, each func(value []byte)) {
	c := b.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		each(v)
	}
}

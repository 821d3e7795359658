package graph

import (
	"sync/atomic"

	"github.com/viewgate/viewgate/guard"
)

// unread counts the bytes of answers that clients have not read yet, over all connections. An operation gives its place back before
// it is answered, so that nothing else bounds what very many clients that read nothing make the process hold.
type unread struct {
	most  int64 // bytes; beyond, no operation begins, and WebSockets on which more than a little waits are closed
	bytes atomic.Int64
}

// maxUnread is how much of answers may wait for clients, before operations are refused until some of it is read.
const maxUnread = 256 << 20

// little is what may wait for a WebSocket's client whatever waits for others: a message, as most are.
const little = 16 << 10

// add counts an answer of n bytes until done is called.
func (u *unread) add(n int) (done func()) {
	u.bytes.Add(int64(n))
	return func() { u.bytes.Add(-int64(n)) }
}

// full reports whether there is more than there may be.
func (u *unread) full() bool { return u.bytes.Load() > u.most }

// admit returns an error where it is full.
func (u *unread) admit() error {
	if u.full() {
		return guard.ErrBusy
	}
	return nil
}

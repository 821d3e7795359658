package guard

import (
	"errors"
	"sync"
)

// ErrFull says that there are as many connections as may be.
var ErrFull = errors.New("there are as many connections here as may be: try again in a second")

// ErrClientFull says that one client has as many connections as it may.
var ErrClientFull = errors.New("there are as many connections from this address as may be: close others, or use one for several operations")

// strangersShare is which part of all places those may have who have not been introduced, and which part of that each client. Of
// few places there are as many for strangers as keep one client from taking them all.
const strangersShare = 4

// Connections bounds the connections that last: in all, of each client, and of strangers, whose clients have not yet been
// introduced: whoever has no token must not shut out those who have. It remembers a client while that has connections. It is safe
// for concurrent use. Nil Connections let everybody connect.
type Connections struct {
	most, each         int // 0: no bound
	strangers, unknown int // of them in all, and of each client; 0: no bound

	mu      sync.Mutex // guards what follows, and what a Connection has
	open    connected  // of all
	clients map[string]*connected
}

// connected counts connections, and the strangers among them.
type connected struct{ all, strangers int }

// NewConnections returns a bound of most connections in all, and of each by client. 0 is no bound.
func NewConnections(most, each int) *Connections {
	c := &Connections{most: most, each: each, clients: map[string]*connected{}}
	if most > 0 {
		c.strangers = max(most/strangersShare, min(most, strangersShare))
		c.unknown = max(c.strangers/strangersShare, 1)
	}
	return c
}

// Connection is one that is counted. Nil is one that is not.
type Connection struct {
	of       *Connections
	client   string
	stranger bool // guarded by of.mu
	closed   bool // guarded by of.mu
}

// Open counts a connection of a client that has been introduced. The error is ErrFull or ErrClientFull.
func (c *Connections) Open(client string) (*Connection, error) {
	if c == nil {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.add(client, connected{all: 1})
}

// OpenStranger is Open for a client that has not been introduced.
func (c *Connections) OpenStranger(client string) (*Connection, error) {
	if c == nil {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.add(client, connected{all: 1, strangers: 1})
}

// add counts a connection if it has room. c.mu is held.
func (c *Connections) add(client string, more connected) (*Connection, error) {
	own := c.clients[client]
	if own == nil {
		own = &connected{}
	}
	switch {
	case beyond(own.all+more.all, c.each), more.strangers > 0 && beyond(own.strangers+more.strangers, c.unknown):
		return nil, ErrClientFull
	case beyond(c.open.all+more.all, c.most), more.strangers > 0 && beyond(c.open.strangers+more.strangers, c.strangers):
		return nil, ErrFull
	}
	c.clients[client] = own
	for _, count := range []*connected{own, &c.open} {
		count.all += more.all
		count.strangers += more.strangers
	}
	return &Connection{of: c, client: client, stranger: more.strangers > 0}, nil
}

func beyond(n, bound int) bool { return bound > 0 && n > bound }

// Introduce says that the client is a stranger no more. It may be called several times.
func (c *Connection) Introduce() {
	if c == nil {
		return
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.introduce()
}

// introduce is Introduce where c.of.mu is held.
func (c *Connection) introduce() {
	if c.stranger {
		c.stranger = false
		c.of.clients[c.client].strangers--
		c.of.open.strangers--
	}
}

// Close gives the place back. It may be called several times.
func (c *Connection) Close() {
	if c == nil {
		return
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.closed {
		return
	}
	c.introduce()
	c.closed = true
	c.of.open.all--
	own := c.of.clients[c.client]
	if own.all--; own.all == 0 {
		delete(c.of.clients, c.client)
	}
}

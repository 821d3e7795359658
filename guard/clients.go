package guard

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// SpentError says that a client has spent what it may.
type SpentError struct{ Left Budget }

func (e *SpentError) Error() string {
	return fmt.Sprintf("what may be asked for now is spent: try again in %d s, and ask for less at a time", e.Left.seconds())
}

// Budget is what a client may still spend.
type Budget struct {
	Most    int           // that it may have
	Rest    int           // that it has
	PerTime float64       // that it gets in a second
	Until   time.Duration // until it has enough again for what was refused; of what was not, until it has Most
}

func (b Budget) seconds() int { return max(int(math.Ceil(b.Until.Seconds())), 1) }

// Tell writes the budget into a response's header, as the draft of the IETF's HTTPAPI group has it (RateLimit header fields for
// HTTP, draft 10): of the policy "cost" the quota and the seconds in which it comes back, and what is left of it.
func (b Budget) Tell(h http.Header) {
	window := max(int(math.Ceil(float64(b.Most)/b.PerTime)), 1)
	h.Set("RateLimit-Policy", fmt.Sprintf(`"cost";q=%d;w=%d`, b.Most, window))
	h.Set("RateLimit", fmt.Sprintf(`"cost";r=%d;t=%d`, b.Rest, int(math.Ceil(b.Until.Seconds()))))
}

// Refuse is Tell for who is refused, with when to come again.
func (b Budget) Refuse(h http.Header) {
	b.Tell(h)
	h.Set("Retry-After", strconv.Itoa(b.seconds()))
}

// maxClients is how many clients are remembered. One takes some 200 bytes.
const maxClients = 100_000

// Clients has a bucket for each client: what it may spend, which fills up with the time. Whoever has not been seen for long is
// forgotten first, and by then their bucket is the fullest: there is a bound to the memory, whoever comes. It is safe for
// concurrent use. Nil Clients let everybody spend as they like.
type Clients struct {
	rate float64 // in a second
	most float64

	mu      sync.Mutex
	buckets *simplelru.LRU[string, *bucket] // guarded by mu
}

type bucket struct {
	has float64
	at  time.Time // when it had that
}

// NewClients returns buckets which hold most, and get rate in a second.
func NewClients(rate float64, most int) *Clients { return newClients(rate, most, maxClients) }

func newClients(rate float64, most, clients int) *Clients {
	buckets, err := simplelru.NewLRU[string, *bucket](clients, nil)
	if err != nil {
		panic(err) // the number is positive
	}
	return &Clients{rate: rate, most: float64(most), buckets: buckets}
}

// Spend takes a cost from a client's bucket, all of it or none. The error is a *SpentError. The budget is what is left; zero where
// nothing is counted.
func (c *Clients) Spend(client string, cost int) (Budget, error) {
	if c == nil {
		return Budget{}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.bucket(client)
	if lack := min(float64(cost), c.most) - b.has; lack > 0 {
		left := c.budget(b)
		left.Until = seconds(lack / c.rate)
		return left, &SpentError{left}
	}
	b.has -= float64(cost) // less than nothing where it costs more than a full bucket has: it is paid off
	return c.budget(b), nil
}

// Return gives back what was spent and not used.
func (c *Clients) Return(client string, cost int) Budget {
	if c == nil {
		return Budget{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.bucket(client)
	b.has = min(b.has+float64(cost), c.most)
	return c.budget(b)
}

// bucket returns a client's bucket as it is now. c.mu is held.
func (c *Clients) bucket(client string) *bucket {
	now := time.Now()
	b, known := c.buckets.Get(client)
	if !known {
		b = &bucket{has: c.most, at: now}
		c.buckets.Add(client, b)
	}
	b.has = min(b.has+c.rate*now.Sub(b.at).Seconds(), c.most)
	b.at = now
	return b
}

func (c *Clients) budget(b *bucket) Budget {
	return Budget{
		Most: int(c.most), Rest: int(max(b.has, 0)), PerTime: c.rate, Until: seconds((c.most - b.has) / c.rate),
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

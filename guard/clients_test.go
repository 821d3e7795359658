package guard

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClients(10, 100)
		if got, err := c.Spend("a", 60); err != nil || got.Rest != 40 || got.Until != 6*time.Second {
			t.Errorf("%+v, %v", got, err)
		}
		_, err := c.Spend("a", 60)
		spent := (*SpentError)(nil)
		if !errors.As(err, &spent) || spent.Left.Rest != 40 || spent.Left.Until != 2*time.Second {
			t.Errorf("%v", err)
		}
		if got, err := c.Spend("b", 60); err != nil || got.Rest != 40 {
			t.Errorf("another's bucket: %+v, %v", got, err)
		}
		time.Sleep(2 * time.Second)
		if got, err := c.Spend("a", 60); err != nil || got.Rest != 0 {
			t.Errorf("when it was told to come again: %+v, %v", got, err)
		}
		if got := c.Return("a", 30); got.Rest != 30 {
			t.Errorf("%+v", got)
		}
		time.Sleep(time.Hour)
		if got := c.Return("a", 30); got.Rest != 100 {
			t.Errorf("more than a bucket holds: %+v", got)
		}
		if got, err := c.Spend("a", 150); err != nil || got.Rest != 0 || got.Until != 15*time.Second {
			t.Errorf("what costs more than a bucket holds is paid off: %+v, %v", got, err)
		}
		if _, err := c.Spend("a", 1); !errors.As(err, &spent) || spent.Left.Until != 5100*time.Millisecond {
			t.Errorf("%v", err)
		}
	})
	if got, err := (*Clients)(nil).Spend("a", 1<<30); err != nil || got != (Budget{}) || (*Clients)(nil).Return("a", 1) != (Budget{}) {
		t.Error("nil Clients count")
	}
}

func TestBudgetHeaders(t *testing.T) {
	h := http.Header{}
	Budget{Most: 100, Rest: 40, PerTime: 10, Until: 1500 * time.Millisecond}.Refuse(h)
	want := http.Header{"Ratelimit-Policy": {`"cost";q=100;w=10`}, "Ratelimit": {`"cost";r=40;t=2`}, "Retry-After": {"2"}}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestClientsAreForgotten: there is a bound to the memory, and those that were seen last are remembered.
func TestClientsAreForgotten(t *testing.T) {
	c := newClients(1, 10, 100)
	for i := range 1000 {
		c.Spend(fmt.Sprint(i), 10)
	}
	if n := c.buckets.Len(); n != 100 {
		t.Errorf("%d buckets", n)
	}
	if _, err := c.Spend("999", 5); err == nil {
		t.Error("the last one is forgotten")
	}
	if _, err := c.Spend("0", 5); err != nil {
		t.Error("the first one is remembered")
	}
}

// TestSpending: nobody spends more than a full bucket and what comes in meanwhile, but for what alone is more.
func TestSpending(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(*testing.T) {
			const rate, most = 5, 50
			c := NewClients(rate, most)
			start, spent := time.Now(), 0
			for range rapid.IntRange(1, 40).Draw(rt, "requests") {
				time.Sleep(time.Duration(rapid.IntRange(0, 3000).Draw(rt, "pause")) * time.Millisecond)
				cost := rapid.IntRange(0, most).Draw(rt, "cost")
				if _, err := c.Spend("a", cost); err == nil {
					used := rapid.IntRange(0, cost).Draw(rt, "used")
					c.Return("a", cost-used)
					spent += used
				}
			}
			if allowed := most + rate*time.Since(start).Seconds() + 1e-6; float64(spent) > allowed {
				rt.Errorf("%d spent, of %f", spent, allowed)
			}
		})
	})
}

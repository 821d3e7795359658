package guard

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// TestConnections: one client takes neither all places, nor all those of strangers.
func TestConnections(t *testing.T) {
	for _, test := range []struct {
		most, each                   int
		strangers, ofOne, introduced int   // that one client gets, and how many introduced
		strangersOf                  int   // that many clients get
		refused                      error // of one client's strangers
	}{
		{6, 0, 4, 1, 6, 4, ErrClientFull},
		{100, 10, 25, 6, 10, 25, ErrClientFull},
		{1, 0, 1, 1, 1, 1, ErrClientFull},
		{10_000, 100, 2500, 100, 100, 2500, ErrClientFull},
		{0, 7, 7, 7, 7, 3000, ErrClientFull},
	} {
		t.Run(fmt.Sprintf("%d in all, %d each", test.most, test.each), func(t *testing.T) {
			count := func(open func(*Connections, int) (*Connection, error)) (n int, refused error) {
				c := NewConnections(test.most, test.each)
				for n = range 3000 {
					if _, err := open(c, n); err != nil {
						return n, err
					}
				}
				return 3000, nil
			}
			ofOne, refused := count(func(c *Connections, _ int) (*Connection, error) { return c.OpenStranger("a") })
			if ofOne != test.ofOne || !errors.Is(refused, test.refused) {
				t.Errorf("%d strangers of one client, %v", ofOne, refused)
			}
			many, _ := count(func(c *Connections, n int) (*Connection, error) { return c.OpenStranger(fmt.Sprint(n)) })
			if many != test.strangersOf {
				t.Errorf("%d strangers", many)
			}
			introduced, _ := count(func(c *Connections, _ int) (*Connection, error) {
				one, err := c.OpenStranger("a")
				one.Introduce()
				return one, err
			})
			if introduced != test.introduced {
				t.Errorf("%d introduced of one client", introduced)
			}
		})
	}
	var none *Connections
	one, err := none.OpenStranger("a")
	if one.Introduce(); err != nil {
		t.Error(err)
	}
	if two, err := none.Open("a"); err != nil {
		t.Error(err)
	} else {
		two.Close()
	}
}

// TestConnectionsLeaveNothing: whatever is done, bounds hold, and when all have closed nothing is remembered.
func TestConnectionsLeaveNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := NewConnections(rapid.IntRange(0, 9).Draw(t, "most"), rapid.IntRange(0, 3).Draw(t, "each"))
		var open []*Connection
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			client := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "client")
			var one *Connection
			err := ErrFull
			switch step := rapid.IntRange(0, 3).Draw(t, "step"); {
			case step == 0:
				one, err = c.Open(client)
			case step == 1:
				one, err = c.OpenStranger(client)
			case len(open) > 0:
				at := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				if step == 2 {
					open[at].Introduce()
				} else {
					open[at].Close()
				}
			}
			if err == nil {
				open = append(open, one)
			}
			if beyond(c.open.all, c.most) || beyond(c.open.strangers, c.strangers) || c.open.strangers > c.open.all {
				t.Fatalf("%+v", c.open)
			}
			sum := connected{}
			for client, own := range c.clients {
				if beyond(own.all, c.each) || beyond(own.strangers, c.unknown) || own.all == 0 {
					t.Fatalf("%s: %+v", client, own)
				}
				sum.all, sum.strangers = sum.all+own.all, sum.strangers+own.strangers
			}
			if sum != c.open {
				t.Fatalf("%+v of clients, %+v in all", sum, c.open)
			}
		}
		for _, one := range open {
			one.Close()
		}
		if len(c.clients) > 0 || c.open != (connected{}) {
			t.Fatalf("%+v remain, %+v", c.clients, c.open)
		}
	})
}

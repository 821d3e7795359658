package forgotten

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var salt = strings.Repeat("0a", saltBytes)

// listOf returns a list with these people.
func listOf(ids ...string) *List {
	l := &List{}
	l.take(0, entry{Salt: salt})
	for i, id := range ids {
		l.take(int64(i+1), entry{Mark: markOf(salt, id)})
	}
	return l
}

func TestPseudonym(t *testing.T) {
	l := listOf("3", "7")
	three, ok := l.Pseudonym("3")
	if !ok || !strings.HasPrefix(three, prefix) || len(three) != len(prefix)+2*markBytes {
		t.Fatalf("3 is %q, %t", three, ok)
	}
	if seven, _ := l.Pseudonym("7"); seven == three {
		t.Errorf("3 and 7 are both %s", three)
	}
	if again, ok := listOf("7", "3").Pseudonym("3"); !ok || again != three {
		t.Errorf("in another list 3 is %q, %t, before %q", again, ok, three)
	}
	for name, l := range map[string]*List{"the list": l, "an empty list": {}} {
		if again, ok := l.Pseudonym(three); !ok || again != three {
			t.Errorf("%s: a pseudonym is %q, %t", name, again, ok)
		}
		if _, ok := l.Pseudonym("4"); ok {
			t.Errorf("%s: 4 is forgotten", name)
		}
	}
	other := &List{}
	other.take(0, entry{Salt: strings.Repeat("0b", saltBytes)})
	other.take(1, entry{Salt: salt}) // the first one counts
	other.take(2, entry{Mark: markOf(strings.Repeat("0b", saltBytes), "3")})
	if again, ok := other.Pseudonym("3"); !ok || again == three {
		t.Errorf("with another salt 3 is %q, %t", again, ok)
	}
}

func TestNames(t *testing.T) {
	l := listOf("3", "a-b")
	for text, want := range map[string]bool{
		`{"consumerId": 3}`: true, `{"a": [{"consumerId" :"3"}], "consumerId": 4}`: true, `{"consumerId":"4"},{"consumerId":"a-b"`: true,
		`{"payload": "{\"a\": {\"consumerId\":\"3\"}}"}`: true, `{"payload": "{\\\"consumerId\\\":3}"}`: true,
		`{"payload": "{\"consumerId\":33}"}`: false,
		`{"consumerId": 33}`:                 false, `{"consumerId": "3x"}`: false, `{"orderId": 3}`: false, ``: false, `{"consumerId": {"id": 3}}`: false,
	} {
		if got := Names(l, []byte(text), "consumerId"); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

func TestEntries(t *testing.T) {
	mark := markOf(salt, "3")
	for _, e := range []entry{{V: 1, Salt: salt}, {V: 1, Mark: mark}} {
		got, err := decode(e.encode())
		if diff := cmp.Diff(e, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	for _, text := range []string{
		``, `{}`, `null`, `[]`, `{"v":1}`, `{"v":2,"mark":"` + mark + `"}`, `{"v":1,"mark":"3"}`, `{"v":1,"mark":"` + strings.ToUpper(mark) + `"}`,
		`{"v":1,"salt":"0a"}`, `{"v":1,"mark":"` + mark + `","salt":"` + salt + `"}`,
	} {
		if e, err := decode([]byte(text)); !errors.Is(err, errForm) {
			t.Errorf("%s: %+v, %v", text, e, err)
		}
	}
}

// TestTakeIsIdempotent: read again from an earlier entry, the list stays as it was.
func TestTakeIsIdempotent(t *testing.T) {
	entries := []entry{{Salt: salt}, {Mark: markOf(salt, "3")}, {Mark: markOf(salt, "3")}, {Salt: "other"}}
	l := &List{}
	for range 2 {
		for i, e := range entries {
			l.take(int64(i), e)
		}
		people, next := l.Len()
		if _, ok := l.Pseudonym("3"); !ok || people != 1 || next != 4 {
			t.Errorf("%d people at %d", people, next)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(entry{Mark: markOf(salt, "3")}.encode())
	f.Add(entry{Salt: salt}.encode())
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := decode(text)
		if err != nil {
			return
		}
		again, err := decode(e.encode())
		if err != nil || again != e {
			t.Errorf("%+v comes back as %+v, %v", e, again, err)
		}
	})
}

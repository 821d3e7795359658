package compose

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

func keyOf(t testing.TB, secret string) TokenKey {
	t.Helper()
	k, err := NewTokenKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func genSeen(most int) *rapid.Generator[Seen] {
	version := rapid.Custom(func(t *rapid.T) view.Version { return view.Version(rapid.Uint64().Draw(t, "version")) })
	versions := rapid.Custom(func(t *rapid.T) Versions {
		return Versions{version.Draw(t, "o"), version.Draw(t, "t"), version.Draw(t, "d"), version.Draw(t, "b")}
	})
	return rapid.Custom(func(t *rapid.T) Seen {
		return rapid.MapOfN(rapid.StringMatching(`[0-9a-zß-]{1,40}`), versions, 0, most).Draw(t, "seen")
	})
}

// genRead generates what tokens hold.
func genRead() *rapid.Generator[Read] {
	part := rapid.Custom(func(t *rapid.T) feed.Partition {
		return feed.Partition{
			Topic:  rapid.StringMatching(`[a-zA-Z0-9._-]{1,20}`).Draw(t, "topic"),
			Number: rapid.Int32Range(0, math.MaxInt32).Draw(t, "number"),
		}
	})
	offset := rapid.Int64Range(0, math.MaxInt64)
	return rapid.Custom(func(t *rapid.T) Read {
		read := Read{Seen: genSeen(MaxSeen).Draw(t, "seen")}
		if beyond := rapid.MapOfN(part, offset, 0, 20).Draw(t, "beyond"); len(beyond) > 0 {
			read.Beyond = beyond
		}
		return read
	})
}

func TestTokenRoundTrip(t *testing.T) {
	key, other := keyOf(t, "0123456789abcdef"), keyOf(t, "fedcba9876543210")
	rapid.Check(t, func(t *rapid.T) {
		read := genRead().Draw(t, "read")
		token, err := key.Sign(read)
		if err != nil {
			t.Fatal(err)
		}
		if len(token) > maxToken {
			t.Fatalf("%d characters", len(token))
		}
		got, err := key.Open(token)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(read, got); diff != "" {
			t.Fatalf("(-signed +opened):\n%s", diff)
		}
		if again, _ := key.Sign(got); again != token {
			t.Fatal("equal contents have unequal tokens")
		}
		if token == "" {
			return
		}
		if _, err := other.Open(token); !errors.Is(err, ErrToken) {
			t.Fatalf("opened with another key: %v", err)
		}
		data, _ := base64.RawURLEncoding.DecodeString(token)
		data[rapid.IntRange(0, len(data)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		if _, err := key.Open(base64.RawURLEncoding.EncodeToString(data)); !errors.Is(err, ErrToken) {
			t.Fatalf("opened though damaged: %v", err)
		}
	})
}

func TestSeenMerge(t *testing.T) {
	merged := func(all ...Seen) Seen {
		sum := Seen{}
		for _, s := range all {
			sum.Merge(s)
		}
		return sum
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := genSeen(5).Draw(t, "a"), genSeen(5).Draw(t, "b"), genSeen(5).Draw(t, "c")
		for name, pair := range map[string][2]Seen{
			"commutative": {merged(a, b), merged(b, a)},
			"associative": {merged(merged(a, b), c), merged(a, merged(b, c))},
			"idempotent":  {merged(a, a), merged(a)},
		} {
			if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
				t.Fatalf("not %s:\n%s", name, diff)
			}
		}
		for id, v := range a {
			for _, part := range order.Aggregates {
				if merged(a, b)[id].Of(part) < v.Of(part) {
					t.Fatalf("%s of %s fell", part, id)
				}
			}
		}
	})
}

// TestTokenIsSealed: a client reads nothing of a token, be it of how much others have ordered.
func TestTokenIsSealed(t *testing.T) {
	token, err := keyOf(t, "0123456789abcdef").Sign(Read{
		Seen: Seen{"order-1234567": {Order: 3}}, Beyond: feed.Positions{{Topic: "accounts", Number: 1}: 1_000_000},
	})
	if err != nil {
		t.Fatal(err)
	}
	data, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range [][]byte{[]byte("1234"), []byte("acc"), binary.AppendUvarint(nil, 1_000_000)} {
		if bytes.Contains(data, secret) {
			t.Errorf("%q is in %q", secret, data)
		}
	}
}

func TestTokenLimits(t *testing.T) {
	key := RandomTokenKey()
	many := Seen{}
	for i := range MaxSeen {
		many[fmt.Sprint(strings.Repeat("9", maxTokenID-2), i+10)] = Versions{1 << 63, 1 << 63, 1 << 63, 1 << 63}
	}
	token, err := key.Sign(Read{Seen: many})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := key.Open(token); err != nil || !cmp.Equal(many, got.Seen) {
		t.Errorf("the largest token, %d characters, does not open: %v", len(token), err)
	}
	many["one more"] = Versions{Order: 1}
	if _, err := key.Sign(Read{Seen: many}); !errors.Is(err, ErrTooMuchSeen) {
		t.Errorf("%d orders signed: %v", len(many), err)
	}
	for _, id := range []string{"", strings.Repeat("9", maxTokenID+1)} {
		if _, err := key.Sign(Read{Seen: Seen{id: {Order: 1}}}); err == nil {
			t.Errorf("an id of %d bytes was signed", len(id))
		}
	}
	if read, err := key.Open(""); err != nil || !read.IsZero() {
		t.Errorf("the empty token: %v, %v", read, err)
	}
	for _, text := range []string{"x", "====", strings.Repeat("A", maxToken+1), token[1:], token + "A", token[:len(token)-2]} {
		if _, err := key.Open(text); !errors.Is(err, ErrToken) {
			t.Errorf("opened %.20q: %v", text, err)
		}
	}
	if _, err := NewTokenKey([]byte("too short")); err == nil {
		t.Error("a short secret was taken")
	}
	for _, format := range []string{"%v", "%s", "%+v", "%#v"} {
		if text := fmt.Sprintf(format, keyOf(t, "0123456789abcdef")); text != "[token key]" {
			t.Errorf("%s shows %s", format, text)
		}
	}
}

// More partitions than fit are told, not cut off.
func TestTokenPartitions(t *testing.T) {
	key, read := RandomTokenKey(), Read{Beyond: feed.Positions{}}
	for n := range int32(500) {
		read.Beyond[feed.Partition{Topic: "net.example.Order", Number: n}] = 1 << 40
	}
	token, err := key.Sign(read)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := key.Open(token); err != nil || !cmp.Equal(read.Beyond, got.Beyond) {
		t.Errorf("500 partitions, %d characters, do not open: %v", len(token), err)
	}
	for n := range int32(5000) {
		read.Beyond[feed.Partition{Topic: "net.example.Order", Number: n}] = 1 << 40
	}
	if _, err := key.Sign(read); !errors.Is(err, ErrTooMuchSeen) {
		t.Errorf("5,000 partitions were signed: %v", err)
	}
}

// FuzzParseRead reads contents that a signature vouches for: whatever they are, no panic, and what is read is within
// bounds and can be written and read again.
func FuzzParseRead(f *testing.F) {
	key := RandomTokenKey()
	for _, read := range []Read{
		{Seen: Seen{"1": {Order: 1}}},
		{Seen: Seen{"1": {3, 2, 1, 0}, "42": {Ticket: 1 << 40}}, Beyond: feed.Positions{{Topic: "a", Number: 1}: 7}},
		{Beyond: feed.Positions{{Topic: "a", Number: 0}: 7, {Topic: "b", Number: 3}: 1 << 50}},
	} {
		token, _ := key.Sign(read)
		data, _ := base64.RawURLEncoding.DecodeString(token)
		f.Add(data[:len(data)-tokenMAC])
	}
	f.Add([]byte{tokenFormat, 1, 1, '1', 0x80})
	f.Add([]byte{tokenFormat, 0x80, 0x80})
	f.Add([]byte{tokenFormat, 0, 1, 1, 'a', 0x80, 0x80, 0x01})
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := parseRead(data)
		if err != nil {
			return
		}
		if read.IsZero() || len(read.Seen) > MaxSeen {
			t.Fatalf("read %v", read)
		}
		token, err := key.Sign(read)
		if errors.Is(err, ErrTooMuchSeen) { // longer than a token may be, which Open would have refused
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if again, err := key.Open(token); err != nil || !cmp.Equal(read, again) {
			t.Fatalf("%v became %v, %v", read, again, err)
		}
	})
}

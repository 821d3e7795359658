package broker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/feed"
)

// TestMessages: whatever is told comes back, the documents in their order and the positions behind them, in messages
// within the limit.
func TestMessages(t *testing.T) {
	partition := rapid.Custom(func(t *rapid.T) feed.Partition {
		return feed.Partition{
			Topic:  rapid.SampledFrom([]string{"orders", `"`, "é"}).Draw(t, "topic"),
			Number: rapid.Int32Min(0).Draw(t, "number"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		want := feed.News{
			Index: rapid.StringN(1, 20, -1).Draw(t, "index"), Filling: rapid.Bool().Draw(t, "filling"),
			Changed: rapid.SliceOf(rapid.String()).Draw(t, "changed"),
			Written: rapid.MapOf(partition, rapid.Int64Min(0)).Draw(t, "written"),
		}
		limit := rapid.IntRange(0, 2000).Draw(t, "limit")
		texts, err := encode(want, limit)
		if err != nil {
			t.Fatal(err)
		}
		got := feed.News{Index: want.Index, Filling: want.Filling, Changed: want.Changed[:0:0], Written: feed.Positions{}}
		for i, text := range texts {
			news, err := decode(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if len(text) > limit && len(news.Changed) > 1 {
				t.Fatalf("a message of %d bytes, over %d, with %d documents", len(text), limit, len(news.Changed))
			}
			if i < len(texts)-1 && len(news.Written) > 0 {
				t.Fatal("positions are told before all documents")
			}
			if news.Index != want.Index || news.Filling != want.Filling {
				t.Fatalf("a part is %+v", news)
			}
			got.Changed = append(got.Changed, news.Changed...)
			got.Written.Raise(news.Written)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestForeignMessages(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"not JSON":            {`news`, "not the JSON"},
		"another version's":   {`{"v":2,"index":"a","changed":["1"]}`, "version 2"},
		"no index":            {`{"v":1,"changed":["1"]}`, "no index"},
		"a negative position": {`{"v":1,"index":"a","written":{"x":{"0":-1}}}`, "x/0"},
		"another kind":        {`{"v":1,"index":"a","changed":"1"}`, "not the JSON"},
	} {
		if _, err := decode([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// FuzzDecode: what is understood can be told again and says the same.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"v":1,"index":"a","changed":["1","2"],"written":{"x":{"0":7,"1":9}},"filling":true}`))
	f.Add([]byte(`{"v":1,"index":"a","later":true}`))
	f.Add([]byte(`{"v":1,"index":"a","written":{"x":{"2147483647":9223372036854775807}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		news, err := decode(text)
		if err != nil {
			return
		}
		texts, err := encode(news, maxMessage+len(text))
		if err != nil || len(texts) != 1 {
			t.Fatalf("%+v becomes %d messages, %v", news, len(texts), err)
		}
		again, err := decode(texts[0])
		if diff := cmp.Diff(news, again); diff != "" || err != nil {
			t.Fatalf("%v (-first +again):\n%s", err, diff)
		}
	})
}

package deadletter_test

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
)

// ofKey chooses the letters of a key.
func ofKey(key string) func(deadletter.Letter) (bool, error) {
	return func(l deadletter.Letter) (bool, error) { return string(l.Key) == key, nil }
}

// TestErase: the letters of one key are references afterwards, in an order of their own; all others are as they were, what was
// replayed is known to be, and what was there before can be read no more. Cut off before it deletes, it goes on.
func TestErase(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cut  bool
	}{{"at once", false}, {"cut off", true}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPost(t)
			records := []event.Record{authorized("1", 1), authorized("2", 1), authorized("2", 2), authorized("3", 1)}
			p.bury(event.ReasonRefused, records...)
			again := p.publish(records[1])[0]
			again.Offset = 1 // as another group's letter of the first of key 2
			if err := p.writer.Write(t.Context(), again, &event.Error{Reason: event.ReasonRefused, Detail: "again"}); err != nil {
				t.Fatal(err)
			}
			if _, err := p.replay(deadletter.ReplayOptions{Filter: deadletter.Filter{Key: "3"}}); err != nil {
				t.Fatal(err)
			}
			before := p.letters(deadletter.Filter{})
			if n, err := p.open().Copied(t.Context(), ofKey("2")); n != 3 || err != nil {
				t.Fatalf("%d letters hold a copy, %v, want 3", n, err)
			}
			if tt.cut {
				p.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DeleteRecords}, Err: kerr.TopicAuthorizationFailed, Count: 1})
				if _, err := p.open().Erase(t.Context(), ofKey("2")); err == nil {
					t.Fatal("cut off, it has no error")
				}
				if got := len(p.letters(deadletter.Filter{})); got != len(before) {
					t.Errorf("cut off, it leaves %d letters, want %d", got, len(before))
				}
			}
			if n, err := p.open().Erase(t.Context(), ofKey("2")); n != 3 || err != nil {
				t.Fatalf("erased %d, %v", n, err)
			}
			got := p.letters(deadletter.Filter{})
			if len(got) != len(before) {
				t.Fatalf("%d letters, %d before", len(got), len(before))
			}
			of := map[deadletter.Position]deadletter.Letter{}
			for _, l := range got {
				of[l.Origin] = l
			}
			for _, was := range before {
				is := of[was.Origin]
				want := was
				want.At, want.Copies = is.At, 1
				if string(was.Key) == "2" {
					want.Value, want.ByReference, want.Detail = nil, true, is.Detail
				}
				if diff := cmp.Diff(want, is); diff != "" {
					t.Errorf("letter of %s (-want +got):\n%s", was.Origin, diff)
				}
			}
			for number := range int32(2) {
				oldest, err := p.client.GetOffset(orders+deadletter.Suffix, number, sarama.OffsetOldest)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range p.records(orders+deadletter.Suffix, number, oldest) {
					if string(r.Key) == "2" && r.Value != nil {
						t.Errorf("a copy of key 2 is left: %+v", r)
					}
				}
			}
			if n, err := p.open().Erase(t.Context(), ofKey("2")); n != 0 || err != nil {
				t.Errorf("erased once more %d, %v", n, err)
			}
			told, err := p.replay(deadletter.ReplayOptions{})
			want := []string{"1 published", "2 published", "2 published", "3 replayed"}
			if diff := cmp.Diff(want, told); diff != "" || err != nil {
				t.Errorf("replayed (-want +got):\n%s%v", diff, err)
			}
		})
	}
}

// TestRefer: a letter of a record that is not to be copied is a reference, which is replayed like others.
func TestRefer(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	m := p.publish(authorized("1", 1))[0]
	if err := p.writer.Refer(t.Context(), m, &event.Error{Reason: event.ReasonRefused, Detail: "a name"}); err != nil {
		t.Fatal(err)
	}
	l := p.letters(deadletter.Filter{})[0]
	if !l.ByReference || l.Value != nil || l.Reason != event.ReasonRefused || l.Detail == "a name" {
		t.Errorf("letter is %+v", l)
	}
	told, err := p.replay(deadletter.ReplayOptions{})
	if diff := cmp.Diff([]string{"1 published"}, told); diff != "" || err != nil {
		t.Errorf("replayed (-want +got):\n%s%v", diff, err)
	}
}

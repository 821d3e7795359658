package deadletter_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
)

// TestLetter: a letter has all that its record had, and tells why it is there.
func TestLetter(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	r := record("7", "\xffbytes", "color", "green", "viewgate-reason", "its own", "empty", "")
	m := p.publish(authorized("6", 1), r)[1]
	if err := p.writer.Write(t.Context(), m, &event.Error{Reason: event.ReasonEncoding, Detail: strings.Repeat("é", 1000)}); err != nil {
		t.Fatal(err)
	}
	got := p.letters(deadletter.Filter{})
	if len(got) != 1 {
		t.Fatalf("%d letters, want 1", len(got))
	}
	l := got[0]
	want := r
	want.Offset = 1
	want.Headers = []event.Header{{Key: "color", Value: []byte("green")}, {Key: "empty", Value: []byte{}}}
	if diff := cmp.Diff(want, l.Record()); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if l.Reason != event.ReasonEncoding || l.ByReference || !l.Replayed.IsZero() || time.Since(l.Since) > time.Hour {
		t.Errorf("letter is %+v", l)
	}
	if !strings.HasPrefix(l.Detail, "encoding: éé") || len(l.Detail) > 1000 || strings.ContainsRune(l.Detail, '\uFFFD') {
		t.Errorf("detail of %d bytes is %q", len(l.Detail), l.Detail)
	}
	if l.At.Topic != orders+deadletter.Suffix || l.Origin != (deadletter.Position{Topic: orders, Partition: 1, Offset: 1}) {
		t.Errorf("letter at %s is of %s", l.At, l.Origin)
	}
}

// TestReplay: letters are published as they were, once, in their order; what is skipped stays, and is told.
func TestReplay(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	good := []event.Record{authorized("1", 1), authorized("1", 2), authorized("1", 3)}
	tombstone := event.Record{Topic: orders, Key: []byte("4"), Time: day}
	p.bury(event.ReasonRefused, good...)
	p.bury(event.ReasonBody, record("2", "{"), unversioned("3"), tombstone)

	told, err := p.replay(deadletter.ReplayOptions{DryRun: true})
	dry := []string{"1 published", "1 published", "1 published", "2 undecodable", "3 unversioned", "4 published"}
	if diff := cmp.Diff(dry, told); diff != "" || err != nil {
		t.Errorf("dry run (-want +got):\n%s%v", diff, err)
	}
	if got := p.records(orders, 1, 5); len(got) > 0 {
		t.Errorf("a dry run published %v", got)
	}

	at := p.letters(deadletter.Filter{Key: "1"})[1].At
	steps := []struct {
		name    string
		options deadletter.ReplayOptions
		told    []string
		want    []event.Record // published to partition 1
	}{
		{"one", deadletter.ReplayOptions{Filter: deadletter.Filter{At: &at}}, []string{"1 published"}, good[1:2]},
		{"a reason", deadletter.ReplayOptions{Filter: deadletter.Filter{Reason: event.ReasonRefused}},
			[]string{"1 published", "1 published", "1 replayed"}, []event.Record{good[0], good[2]}},
		{"the rest", deadletter.ReplayOptions{},
			[]string{"1 replayed", "1 replayed", "1 replayed", "2 undecodable", "3 unversioned", "4 published"}, nil},
		{"a key again", deadletter.ReplayOptions{Filter: deadletter.Filter{Key: "1"}, All: true},
			[]string{"1 published", "1 published", "1 published"}, good},
		{"by force", deadletter.ReplayOptions{Force: true, Filter: deadletter.Filter{Reason: event.ReasonBody}},
			[]string{"2 published", "3 published", "4 replayed"}, []event.Record{record("2", "{"), unversioned("3")}},
		{"nothing is left", deadletter.ReplayOptions{},
			[]string{"1 replayed", "1 replayed", "1 replayed", "2 replayed", "3 replayed", "4 replayed"}, nil},
	}
	from := int64(5)
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			told, err := p.replay(step.options)
			if diff := cmp.Diff(step.told, told); diff != "" || err != nil {
				t.Errorf("told (-want +got):\n%s%v", diff, err)
			}
			got := p.records(orders, 1, from)
			from += int64(len(got))
			byKey := func(a, b event.Record) int { return strings.Compare(string(a.Key), string(b.Key)) }
			slices.SortStableFunc(got, byKey)
			count := cmp.Transformer("count", func(h []event.Header) int { return len(h) })
			if diff := cmp.Diff(step.want, got, count); diff != "" {
				t.Errorf("published (-want +got):\n%s", diff)
			}
		})
	}
	zero := p.records(orders, 0, 1)
	if diff := cmp.Diff([]event.Record{tombstone}, zero); diff != "" {
		t.Errorf("published to the tombstone's partition (-want +got):\n%s", diff)
	}
	for _, l := range p.letters(deadletter.Filter{}) {
		if time.Since(l.Replayed) > time.Hour {
			t.Errorf("letter at %s of %s is said to be replayed at %s", l.At, l.Key, l.Replayed)
		}
	}
	if got := p.open().Len(); got != 6 {
		t.Errorf("there are %d letters, want 6: marks are none", got)
	}
}

// TestCopies: what several consumer groups write of one record is one letter, replayed once.
func TestCopies(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	m := p.publish(authorized("1", 1), authorized("2", 1))
	write := func(m sarama.ConsumerMessage, reason event.Reason) {
		t.Helper()
		if err := p.writer.Write(t.Context(), &m, &event.Error{Reason: reason, Detail: "for a test"}); err != nil {
			t.Fatal(err)
		}
	}
	anew := *m[1] // in the same place of a topic of the same name
	anew.Timestamp = day.Add(time.Second)
	write(*m[0], event.ReasonOverflow)
	write(*m[1], event.ReasonOverflow)
	write(*m[0], event.ReasonRefused)
	write(anew, event.ReasonOverflow)
	noOrigin := record("4", "{}")
	noOrigin.Topic += deadletter.Suffix
	p.publish(noOrigin, noOrigin)

	type seen struct {
		Key    string
		Reason event.Reason
		Copies int
	}
	look := func(f deadletter.Filter) (all []seen) {
		for _, l := range p.letters(f) {
			all = append(all, seen{string(l.Key), l.Reason, l.Copies})
		}
		return all
	}
	first := deadletter.Position{Topic: orders + deadletter.Suffix}
	for _, test := range []struct {
		name string
		f    deadletter.Filter
		want []seen
	}{
		{"all", deadletter.Filter{}, []seen{
			{"2", event.ReasonOverflow, 1}, {"1", event.ReasonRefused, 2}, {"2", event.ReasonOverflow, 1}, {"4", "", 1}, {"4", "", 1},
		}},
		{"newest reason", deadletter.Filter{Reason: event.ReasonRefused}, []seen{{"1", event.ReasonRefused, 2}}},
		{"older reason", deadletter.Filter{Reason: event.ReasonOverflow, Key: "1"}, nil},
		{"older place", deadletter.Filter{At: &first}, []seen{{"1", event.ReasonOverflow, 2}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, look(test.f)); diff != "" {
				t.Errorf("letters (-want +got):\n%s", diff)
			}
		})
	}
	if got := p.open().Len(); got != 5 {
		t.Errorf("there are %d letters, want 5", got)
	}

	told, err := p.replay(deadletter.ReplayOptions{Filter: deadletter.Filter{Key: "1"}})
	if diff := cmp.Diff([]string{"1 published"}, told); diff != "" || err != nil {
		t.Errorf("told (-want +got):\n%s%v", diff, err)
	}
	write(*m[0], event.ReasonRefused) // by a group that has not yet come to the replay
	told, err = p.replay(deadletter.ReplayOptions{})
	want := []string{"1 replayed", "2 published", "2 published", "4 no origin", "4 no origin"}
	if diff := cmp.Diff(want, told); diff != "" || err != nil {
		t.Errorf("told later (-want +got):\n%s%v", diff, err)
	}
}

// TestReplayKeepsHeaders: TestReplay compares their number.
func TestReplayKeepsHeaders(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	r := authorized("1", 1)
	p.bury(event.ReasonRefused, r)
	if _, err := p.replay(deadletter.ReplayOptions{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]event.Record{r, r}, p.records(orders, 1, 0)); diff != "" {
		t.Errorf("the record and its replay (-want +got):\n%s", diff)
	}
}

// TestReference: a letter too large to copy is fetched from where it was, as long as it is there.
func TestReference(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	p.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: orders + deadletter.Suffix, Err: kerr.MessageTooLarge, Count: 1,
	})
	r := authorized("1", 1)
	p.bury(event.ReasonRefused, r)
	l := p.letters(deadletter.Filter{})[0]
	if !l.ByReference || l.Value != nil || len(l.Headers) != len(r.Headers) {
		t.Fatalf("letter is %+v, want a reference", l)
	}
	fetched, err := p.open().Fetch(t.Context(), l)
	if err != nil || string(fetched.Value) != string(r.Value) {
		t.Errorf("fetched %q, %v, want %q", fetched.Value, err, r.Value)
	}
	told, err := p.replay(deadletter.ReplayOptions{})
	if diff := cmp.Diff([]string{"1 published"}, told); diff != "" || err != nil {
		t.Errorf("told (-want +got):\n%s%v", diff, err)
	}
	if diff := cmp.Diff([]event.Record{r, r}, p.records(orders, 1, 0)); diff != "" {
		t.Errorf("the record and its replay (-want +got):\n%s", diff)
	}

	other := l
	other.Time = day.Add(time.Second) // as if the topic had been made anew
	if _, err := p.open().Fetch(t.Context(), other); !errors.Is(err, deadletter.ErrGone) {
		t.Errorf("Fetch of what another record replaced: %v, want ErrGone", err)
	}
	admin, err := sarama.NewClusterAdminFromClient(p.client)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.DeleteRecords(orders, map[int32]int64{1: 1}); err != nil {
		t.Fatal(err)
	}
	told, err = p.replay(deadletter.ReplayOptions{All: true})
	if diff := cmp.Diff([]string{"1 gone"}, told); diff != "" || err != nil {
		t.Errorf("told when the record was deleted (-want +got):\n%s%v", diff, err)
	}
}

// TestForeignLetters: what somebody else wrote to the dead letter topic is listed, and not replayed.
func TestForeignLetters(t *testing.T) {
	dlq := orders + deadletter.Suffix
	tests := []struct {
		name    string
		headers []string
	}{
		{"no headers", nil},
		{"senseless headers", []string{
			deadletter.HeaderPartition, "-1", deadletter.HeaderOffset, "x", deadletter.HeaderTime, "?",
		}},
		{"a partition that is no more", []string{deadletter.HeaderPartition, "7", deadletter.HeaderOffset, "0"}},
		{"another topic", []string{
			deadletter.HeaderTopic, tickets, deadletter.HeaderPartition, "3", deadletter.HeaderOffset, "0",
		}},
		{"no offset", []string{deadletter.HeaderPartition, "0"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPost(t)
			r := record("1", "{}", test.headers...)
			r.Topic = dlq
			p.publish(r)
			if l := p.letters(deadletter.Filter{}); len(l) != 1 || l[0].Origin.Topic != orders {
				t.Errorf("letters are %+v, want one of %s", l, orders)
			}
			told, err := p.replay(deadletter.ReplayOptions{Force: true})
			if diff := cmp.Diff([]string{"1 no origin"}, told); diff != "" || err != nil {
				t.Errorf("told (-want +got):\n%s%v", diff, err)
			}
		})
	}
}

// TestReplayFails: what was not acknowledged is not marked, and comes again.
func TestReplayFails(t *testing.T) {
	tests := []struct {
		name  string
		topic string
		err   *kerr.Error
		want  string   // in the error
		told  []string // by the failing replay
		again []string // by the next one
	}{
		{"topic", orders, kerr.TopicAuthorizationFailed, "not authorized", nil, []string{"1 published"}},
		{"mark", orders + deadletter.Suffix, kerr.TopicAuthorizationFailed, "will be published again", nil,
			[]string{"1 published"}},
		{"too large", orders, kerr.MessageTooLarge, "", []string{"1 too large"}, []string{"1 published"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPost(t)
			p.bury(event.ReasonRefused, authorized("1", 1))
			down := p.cluster.Fault(kfake.Fault{
				Keys: []kmsg.Key{kmsg.Produce}, Topic: test.topic, Err: test.err, Count: -1,
			})
			told, err := p.replay(deadletter.ReplayOptions{})
			if diff := cmp.Diff(test.told, told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("Replay: %v, want %q in it", err, test.want)
			}
			down.Remove()
			if told, err = p.replay(deadletter.ReplayOptions{}); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(test.again, told); diff != "" {
				t.Errorf("told the next time (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOpenCreatesNothing: that a dead letter topic is asked for does not bring it about.
func TestOpenCreatesNothing(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	if got := p.letters(deadletter.Filter{}); len(got) > 0 {
		t.Errorf("letters are %v, want none", got)
	}
	if told, err := p.replay(deadletter.ReplayOptions{}); err != nil || len(told) > 0 {
		t.Errorf("replay told %v, %v, want nothing", told, err)
	}
	if p.cluster.TopicInfo(tickets+deadletter.Suffix) != nil {
		t.Errorf("topic %s has come into being", tickets+deadletter.Suffix)
	}
}

// TestCanceled: a reader that is told to stop does so, in the middle.
func TestCanceled(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	p.bury(event.ReasonRefused, authorized("1", 1), authorized("1", 2))
	ctx, cancel := context.WithCancel(t.Context())
	box := p.open()
	read := 0
	err := box.Each(ctx, deadletter.Filter{}, func(deadletter.Letter) error {
		read++
		cancel()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) || read != 1 {
		t.Errorf("Each: %v after %d letters, want 1", err, read)
	}
	_, err = deadletter.Open(ctx, p.cluster.ListenAddrs(), p.config, []string{orders})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v, want that it was canceled", err)
	}
}

func TestFilter(t *testing.T) {
	l := deadletter.Letter{
		At: deadletter.Position{Topic: "a.b.Order.dlq", Partition: 1, Offset: 2}, Origin: deadletter.Position{Topic: "a.b.Order"},
		Reason: event.ReasonBody, Key: []byte("7"),
	}
	at := func(topic string, partition int32, offset int64) *deadletter.Position {
		return &deadletter.Position{Topic: topic, Partition: partition, Offset: offset}
	}
	tests := []struct {
		name string
		f    deadletter.Filter
		want bool
	}{
		{"zero", deadletter.Filter{}, true},
		{"reason", deadletter.Filter{Reason: event.ReasonBody}, true},
		{"other reason", deadletter.Filter{Reason: event.ReasonTime, Key: "7"}, false},
		{"key", deadletter.Filter{Key: "7"}, true},
		{"other key", deadletter.Filter{Key: "77"}, false},
		{"place", deadletter.Filter{At: at("a.b.Order.dlq", 1, 2)}, true},
		{"place by its topic", deadletter.Filter{At: at("a.b.Order", 1, 2)}, true},
		{"place in short", deadletter.Filter{At: at("Order", 1, 2)}, true},
		{"place in short, dead letter topic", deadletter.Filter{At: at("b.Order.dlq", 1, 2)}, true},
		{"part of a name", deadletter.Filter{At: at("rder", 1, 2)}, false},
		{"other partition", deadletter.Filter{At: at("Order", 0, 2)}, false},
		{"other offset", deadletter.Filter{At: at("Order", 1, 1)}, false},
		{"no topic", deadletter.Filter{At: at("", 1, 2)}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.f.Match(l); got != test.want {
				t.Errorf("Match is %t, want %t", got, test.want)
			}
		})
	}
}

func TestPositionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := deadletter.Position{
			Topic:     rapid.StringMatching(`[a-zA-Z0-9._-]{1,20}`).Draw(t, "topic"),
			Partition: rapid.Int32Min(0).Draw(t, "partition"), Offset: rapid.Int64Min(0).Draw(t, "offset"),
		}
		if got, err := deadletter.ParsePosition(want.String()); err != nil || got != want {
			t.Errorf("%s is read as %v, %v", want, got, err)
		}
	})
}

func FuzzParsePosition(f *testing.F) {
	for _, s := range []string{
		"a.b/0/17", "", "/0/0", "a/0", "a/-1/0", "a/0/-1", "a/2147483648/0", "a/0/9223372036854775808", "a/b/c/0/1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := deadletter.ParsePosition(s)
		if err != nil {
			return
		}
		if p.Topic == "" || p.Partition < 0 || p.Offset < 0 || strings.Contains(p.Topic, "/") {
			t.Errorf("%q is read as %v", s, p)
		}
		if again, err := deadletter.ParsePosition(p.String()); err != nil || again != p {
			t.Errorf("%v is read as %v, %v", p, again, err)
		}
	})
}

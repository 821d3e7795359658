package indexer

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/feed"
)

// recorder is a feed that says when news are out only when it is told to.
type recorder struct {
	news  []feed.News
	dones []func()
}

func (r *recorder) Publish(news feed.News, done func()) {
	r.news, r.dones = append(r.news, news), append(r.dones, done)
}

// tellingOf returns a telling of one index, and how many records it has released.
func tellingOf(r *recorder, filling map[partition]int64) (*telling, *int) {
	released := 0
	x := &Indexer{options: Options{Feed: r}, views: []View{{Index: "a"}}}
	return newTelling(x, filling, func(*record) { released++ }), &released
}

// TestRecordsEndWhenTheyAreTold: not before, and not after the session.
func TestRecordsEndWhenTheyAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		told, released := tellingOf(r, nil)
		told.changed("a", nil, []*record{{}})
		if *released != 1 || len(r.news) > 0 {
			t.Errorf("a record without documents: %d released, told %v", *released, r.news)
		}
		told.changed("a", []string{"1"}, []*record{{}, {}})
		told.changed("a", []string{"2"}, []*record{{}})
		if *released != 1 {
			t.Errorf("%d released before anything was out, want 1", *released)
		}
		ended := make(chan struct{})
		go func() { told.end(nil); close(ended) }()
		synctest.Wait()
		r.dones[0]()
		synctest.Wait()
		select {
		case <-ended:
			t.Error("the session has ended with news on their way")
		default:
		}
		r.dones[1]()
		<-ended
		if *released != 4 {
			t.Errorf("%d released, want 4", *released)
		}

		told, released = tellingOf(r, nil)
		told.changed("a", []string{"3"}, []*record{{}})
		given := make(chan struct{})
		close(given)
		told.end(given)
		r.dones[2]()
		if *released > 0 {
			t.Errorf("%d released after the session", *released)
		}
	})
}

// TestProgressIsTold: what has moved when it has, all of it within a second, and one at a time.
func TestProgressIsTold(t *testing.T) {
	x, y := partition{Topic: "x"}, partition{Topic: "y"}
	start := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	r := &recorder{}
	told, _ := tellingOf(r, map[partition]int64{y: 5})
	for _, step := range []struct {
		what    string
		after   time.Duration
		written feed.Positions
		want    *feed.News // nil: nothing
	}{
		{"no claim has begun", 0, feed.Positions{}, nil},
		{"one has", 0, feed.Positions{x: 3}, &feed.News{Written: feed.Positions{x: 3}}},
		{"the other, which is filled", 10 * time.Millisecond, feed.Positions{x: 3, y: 0},
			&feed.News{Written: feed.Positions{x: 3, y: 0}, Filling: true}},
		{"nothing moves", 50 * time.Millisecond, feed.Positions{x: 3, y: 0}, nil},
		{"one moves", 90 * time.Millisecond, feed.Positions{x: 4, y: 0},
			&feed.News{Written: feed.Positions{x: 4}, Filling: true}},
		{"still nothing", 800 * time.Millisecond, feed.Positions{x: 4, y: 0}, nil},
		{"in time", 960 * time.Millisecond, feed.Positions{x: 4, y: 0},
			&feed.News{Written: feed.Positions{x: 4, y: 0}, Filling: true}},
		{"filled", 970 * time.Millisecond, feed.Positions{x: 4, y: 5}, &feed.News{Written: feed.Positions{x: 4, y: 5}}},
	} {
		before := len(r.news)
		told.progress(start.Add(step.after), step.written)
		var got *feed.News
		if len(r.news) > before {
			got = &r.news[before]
			if step.want != nil {
				step.want.Index = "a"
			}
			told.progress(start.Add(time.Hour), feed.Positions{x: 100, y: 100})
			if len(r.news) > before+1 {
				t.Fatalf("%s: more is told while it is on its way", step.what)
			}
			r.dones[before]()
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
	}
}

func TestFillingMark(t *testing.T) {
	for metadata, want := range map[string]int64{
		fillingMark(3, 7): 7, fillingMark(7, 7): 0, fillingMark(8, 7): 0, "": 0, "something else": 0, fillingPrefix + "x": 0,
	} {
		if got := parseFilling(metadata); got != want {
			t.Errorf("%q is read as %d, want %d", metadata, got, want)
		}
	}
}

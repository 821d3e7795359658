package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/latest"
	"github.com/viewgate/viewgate/view"
)

// overview is the answer of /views: an operator's glance at each view, as this process sees it. What it does not know is null.
type overview struct {
	At    time.Time      `json:"at"`
	Views []viewOverview `json:"views"`
}

// viewOverview is what is told of a view.
type viewOverview struct {
	Name      string     `json:"name"`
	Topics    []string   `json:"topics"`    // that it is made of
	Store     string     `json:"store"`     // embedded, elasticsearch
	Documents *int       `json:"documents"` // that support finds, all of them
	Index     *string    `json:"index"`     // that is read
	Built     *time.Time `json:"built"`     // when it was made: by the last rebuild, or at first
	Building  *building  `json:"building"`  // what a rebuild makes beside it; null where there is none
	Filling   *bool      `json:"filling"`   // it lacks old documents, since it was made anew and is not yet through with the topics

	Indexer       string `json:"indexer"`       // here, elsewhere
	LagMs         *int64 `json:"lagMs"`         // how old the newest ends of the topics are that the view has passed
	Waiting       *int64 `json:"waiting"`       // records that are published and not in the view
	LagLimitMs    *int64 `json:"lagLimitMs"`    // beyond which the process is not ready; null: none
	SearchDelayMs *int64 `json:"searchDelayMs"` // how much later than reads by id searches see a write; null: without bound

	DeadLetters *lettersOverview `json:"deadLetters"`
	Drift       *driftOverview   `json:"drift"` // null where this process does not compare

	Ready    string   `json:"ready"`    // ok, or what is wrong
	Warnings []string `json:"warnings"` // what somebody should see to, and why something is not known
}

type building struct {
	Index string     `json:"index"`
	Since *time.Time `json:"since"`
}

// lettersOverview counts records that could not be indexed and were not replayed.
type lettersOverview struct {
	Count   int            `json:"count"`
	Newest  *time.Time     `json:"newest"`
	Reasons map[string]int `json:"reasons"`
	At      time.Time      `json:"at"` // when they were counted
}

// driftOverview is what comparing with the owners has found since the process began with the index.
type driftOverview struct {
	Checked  int        `json:"checked"`  // documents, each as often as it was
	Differed int        `json:"differed"` // of those, at the same version
	Apart    int        `json:"apart"`    // of those, that stayed behind, or are missing on one side
	At       *time.Time `json:"at"`       // when the last ones were compared
}

const (
	// overviewAge is how old an overview may be that is given to who asks.
	overviewAge = time.Second
	// overviewTimeout is how long it may take to find out what it tells. What takes longer is not known.
	overviewTimeout = 3 * time.Second
	// lettersAge is how old a count of dead letters may be before they are counted anew, and lettersTimeout how long that may take.
	lettersAge     = 10 * time.Second
	lettersTimeout = 10 * time.Second
	// lettersMost is how many records of dead letter topics are read to count them: some megabytes.
	lettersMost = 20_000
)

// overviews answers how the views are, once for all who ask at a time.
type overviews struct {
	views   []*served
	letters map[string]*letters // by the view; empty without Kafka
	now     *latest.Recent[overview]
}

func newOverviews(views []*served, s shared) *overviews {
	o := &overviews{views: views, letters: map[string]*letters{}}
	o.now = latest.NewRecent(overviewAge, o.look)
	if s.config != nil {
		for _, v := range views {
			o.letters[v.name] = &letters{counter: deadletter.NewCounter(s.kafka.Brokers, s.config, topicsOf(v.sources), lettersMost)}
		}
	}
	return o
}

// close ends the connections to Kafka.
func (o *overviews) close() (err error) {
	for _, l := range o.letters {
		err = errors.Join(err, l.close())
	}
	return err
}

// letters counts the dead letters of a view's topics while somebody asks.
type letters struct {
	counter *deadletter.Counter
	work    sync.WaitGroup // of the count under way

	mu       sync.Mutex
	closed   bool             // guarded by mu
	counting bool             // guarded by mu: there is a count under way
	last     *lettersOverview // guarded by mu; nil: they are not known
	err      error            // guarded by mu: why the last count came to nothing
}

// get returns the last count, and why it is none that is new. It waits for no other: where that is old, they are counted anew
// for who asks next. Where there are too many, no older count is true.
func (l *letters) get(ctx context.Context) (*lettersOverview, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.last == nil || l.err != nil || time.Since(l.last.At) >= lettersAge
	if old && !l.counting && !l.closed {
		l.counting = true
		l.work.Go(func() { l.count(context.WithoutCancel(ctx)) })
	}
	return l.last, l.err
}

func (l *letters) count(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lettersTimeout)
	defer cancel()
	at := time.Now().UTC()
	n, err := l.counter.Count(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counting, l.err = false, err
	switch {
	case errors.Is(err, deadletter.ErrTooMany):
		l.last, l.err = nil, fmt.Errorf("%w: viewgate dlq list tells", err)
	case err == nil:
		l.last = &lettersOverview{Count: n.Letters, Newest: timeOf(n.Newest), Reasons: map[string]int{}, At: at}
		for reason, count := range n.Reasons {
			l.last.Reasons[cmp.Or(string(reason), "not said")] = count
		}
	}
}

// close returns when nothing is counted any more, and ends the connections.
func (l *letters) close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.work.Wait()
	return l.counter.Close()
}

// overviewOperation is what a look at /views is called where operations are counted and logged.
const overviewOperation = "views"

// serve answers GET /views to whoever sees everything.
func (o *overviews) serve(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if !who.Viewer.SeesAll() {
		return fmt.Errorf("%w: it is for support", auth.ErrForbidden)
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*overviewTimeout) // who comes while one is made gets the next
	defer cancel()
	now, err := o.now.Get(ctx)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(now)
	return nil
}

// look looks at all views. The error is ctx's: nobody asks any more.
func (o *overviews) look(ctx context.Context) (overview, error) {
	now := overview{At: time.Now().UTC(), Views: make([]viewOverview, len(o.views))}
	looking, cancel := context.WithTimeout(ctx, overviewTimeout)
	defer cancel()
	var work sync.WaitGroup
	for i, v := range o.views {
		work.Go(func() { now.Views[i] = v.overview(looking, o.letters[v.name]) })
	}
	work.Wait()
	return now, ctx.Err()
}

// overview looks at the view. Without letters nobody knows of dead ones.
func (v *served) overview(ctx context.Context, letters *letters) viewOverview {
	o := viewOverview{
		Name: v.name, Topics: topicsOf(v.sources), Store: "embedded", Indexer: "elsewhere", Ready: "ok",
		Waiting: v.waiting(ctx), SearchDelayMs: new(int64(0)), Warnings: []string{},
	}
	if len(v.feeds.hub.Written()) > 0 {
		o.Filling = new(v.feeds.hub.Filling())
	}
	if v.maxLag > 0 {
		o.LagLimitMs = new(v.maxLag.Milliseconds())
	}
	if lag, known := v.feeds.hub.Lag(time.Now()); known {
		o.LagMs = new(lag.Milliseconds())
	}
	if v.elastic != nil {
		o.Store, o.SearchDelayMs = "elasticsearch", nil
		if delay, bounded := v.elastic.SearchDelay(); bounded {
			o.SearchDelayMs = new(delay.Milliseconds())
		}
	}
	if x := v.indexing.Load(); x != nil {
		o.Indexer = "here"
		if x.checked != nil {
			f := x.checked.Figures()
			o.Drift = &driftOverview{f.Checked, f.Drifted, f.Apart, timeOf(f.At)}
		}
	}
	var wrong []string
	for what, is := range v.checks(ctx) {
		if is != "ok" {
			wrong = append(wrong, what+": "+is)
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		o.Ready = strings.Join(wrong, "; ")
	}
	for what, is := range v.warnings(ctx) {
		o.Warnings = append(o.Warnings, what+": "+is)
	}
	if d, err := v.store.(view.Described).Describe(ctx); err != nil {
		o.Warnings = append(o.Warnings, v.name+" index: "+err.Error())
	} else {
		o.describe(d)
	}
	if letters != nil {
		var err error
		if o.DeadLetters, err = letters.get(ctx); err != nil {
			o.Warnings = append(o.Warnings, v.name+" dead letters: "+err.Error())
		}
	}
	slices.Sort(o.Warnings)
	return o
}

// describe tells of the index that is read.
func (o *viewOverview) describe(d view.Description) {
	o.Documents, o.Index, o.Built = &d.Documents, &d.Index, timeOf(d.Made)
	if next := d.Unfinished; next != nil {
		o.Building = &building{next.Index, timeOf(next.Made)}
	}
}

// waiting returns how many records are in the topics and not in the view; nil where that is not known.
func (v *served) waiting(ctx context.Context) *int64 {
	written := v.feeds.hub.Written()
	if v.feeds.log == nil || len(written) == 0 {
		return nil
	}
	ends, err := v.feeds.log.Ends(ctx) // the view's warnings have the error
	if err != nil {
		return nil
	}
	records := int64(0)
	for part, end := range ends {
		at, told := written[part]
		if !told && end > 0 {
			return nil
		}
		records += max(0, end-at)
	}
	return &records
}

// timeOf returns a time as it is told; nil for the zero one, which is not known.
func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

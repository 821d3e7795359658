package compose

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/restaurant"
)

var restaurants = NewCollection(RestaurantOwner, "restaurants", "RESTAURANT", restaurant.Answered)

// restaurantsIn is a view with one restaurant, 1, as it is at a version: 0 for none, and changed at will.
func restaurantsIn(t *testing.T, version view.Version, change func(*restaurant.Restaurant)) *fakeStore {
	t.Helper()
	sdl, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := &fakeStore{docs: map[string]view.Document{}}
	if s.mapping, err = view.MappingOf(sdl, restaurant.ViewName); err != nil {
		t.Fatal(err)
	}
	if version == 0 {
		return s
	}
	r := restaurant.New("1")
	r.Tell(restaurant.Told{Name: fmt.Sprintf("Ajanta %d", version)})
	r.Part("RESTAURANT").Version = version
	if change != nil {
		change(r)
	}
	source, err := view.EncodeSingle(r)
	if err != nil {
		t.Fatal(err)
	}
	s.docs["1"] = view.Document{ID: "1", Revision: "1", Hidden: r.Hidden(), Source: source}
	return s
}

// lags is a view that lags so far behind.
type lags struct {
	unknown
	lag time.Duration
}

func (l lags) Lag() (time.Duration, bool) { return l.lag, true }

func TestDocuments(t *testing.T) {
	fresh := Freshness{Mode: Fresh}
	orElse := func(f Freshness) Freshness { f.OnStale = Fail; return f }
	young := Freshness{MaxStaleness: time.Second}
	hidden := func(r *restaurant.Restaurant) { r.TimeZone = "" }
	degraded := func(r *restaurant.Restaurant) { r.Part("RESTAURANT").Degrade(9, "body") }
	unversioned := func(r *restaurant.Restaurant) {
		*r.Part("RESTAURANT") = view.Part{Last: &view.Place{Offset: 7}}
	}
	const none, down, unconfigured = 0, -1, -2
	for _, tt := range []struct {
		name      string
		inView    view.Version
		change    func(*restaurant.Restaurant)
		viewErr   error
		owner     int // its version, or one of the above
		freshness Freshness
		want      string // the name; "" for no document
		source    Source
		reason    Reason
		stale     bool // not kept
		err       error
		calls     int
	}{
		{"in the view", 3, nil, nil, 4, Freshness{}, "Ajanta 3", FromView, Satisfied, false, nil, 0},
		{"at least", 3, nil, nil, 4, Freshness{Mode: AtLeast, Least: Versions{Order: 9}}, "Ajanta 3", FromView, Satisfied, false, nil, 0},
		{"fresh", 3, nil, nil, 4, fresh, "Owner's 4", FromOwners, Asked, false, nil, 1},
		{"fresh, and the same", 3, nil, nil, 3, fresh, "Owner's 3", FromOwners, Asked, false, nil, 1},
		{"fresh, and the owner is behind", 3, nil, nil, 2, fresh, "Ajanta 3", FromView, Asked, false, nil, 1},
		{"fresh, and the owner knows nothing", 3, nil, nil, none, fresh, "Ajanta 3", FromView, Asked, false, nil, 1},
		{"fresh, and the owner is down", 3, nil, nil, down, fresh, "Ajanta 3", FromView, OwnerDown, true, nil, 3},
		{"fresh or nothing", 3, nil, nil, down, orElse(fresh), "", FromView, OwnerDown, true, ErrStale, 3},
		{"fresh without an owner", 3, nil, nil, unconfigured, fresh, "Ajanta 3", FromView, NotConfigured, true, nil, 0},
		{"missing", 0, nil, nil, 4, Freshness{}, "Owner's 4", FromOwners, Missing, false, nil, 1},
		{"missing everywhere", 0, nil, nil, none, Freshness{}, "", FromOwners, Missing, false, nil, 1},
		{"missing, and the owner is down", 0, nil, nil, down, Freshness{}, "", FromOwners, OwnerDown, false, ErrOwner, 3},
		{"missing without an owner", 0, nil, nil, unconfigured, Freshness{}, "", FromView, NotConfigured, false, nil, 0},
		{"missing and fresh without an owner", 0, nil, nil, unconfigured, fresh, "", FromOwners, NotConfigured, true, ErrNotConfigured, 0},
		{"hidden", 2, hidden, nil, 4, Freshness{}, "Owner's 4", FromOwners, Missing, false, nil, 1},
		{"hidden, and unknown", 2, hidden, nil, none, Freshness{}, "", FromOwners, Missing, false, nil, 1},
		{"degraded", 3, degraded, nil, 3, Freshness{}, "Owner's 3", FromOwners, Degraded, false, nil, 1},
		{"degraded, and the owner is down", 3, degraded, nil, down, Freshness{}, "Ajanta 3", FromView, OwnerDown, false, nil, 3},
		{"without a version", 3, unversioned, nil, 1, fresh, "Owner's 1", FromOwners, Asked, false, nil, 1},
		{"too old", 3, nil, nil, 4, young, "Owner's 4", FromOwners, Behind, false, nil, 1},
		{"too old, and the owner is down", 3, nil, nil, down, young, "Ajanta 3", FromView, OwnerDown, true, nil, 3},
		{"young enough to be fresh", 3, nil, nil, 4, Freshness{Mode: Fresh, MaxStaleness: time.Hour}, "Ajanta 3", FromView, Satisfied, false, nil, 0},
		{"view down", 3, nil, view.ErrUnavailable, 4, Freshness{}, "Owner's 4", FromOwners, ViewDown, false, nil, 1},
		{"all down", 3, nil, view.ErrUnavailable, down, Freshness{}, "", FromOwners, OwnerDown, false, view.ErrUnavailable, 3},
		{"view down and no owner", 3, nil, view.ErrUnavailable, unconfigured, Freshness{}, "", FromOwners, NotConfigured, false, view.ErrUnavailable, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := serveOwners(t)
			options := f.options()
			switch tt.owner {
			case none:
			case down:
				f.breaks("restaurants", status(http.StatusServiceUnavailable))
			case unconfigured:
				options.Restaurant = ""
			default:
				f.has("restaurants", "1", fmt.Sprintf(`{"id": 1, "name": "Owner's %d", "version": %[1]d}`, tt.owner))
			}
			s := restaurantsIn(t, tt.inView, tt.change)
			s.err = tt.viewErr
			r := NewDocuments(s, s.mapping, newOwners(t, options), restaurants, ReaderOptions{Progress: lags{lag: time.Minute}})
			a := r.Read(t.Context(), view.Anybody(), []DocumentRequest{{ID: "1", Freshness: tt.freshness}})[0]
			name := ""
			if a.Document != nil {
				var document restaurant.Restaurant
				if err := view.DecodeSingle(a.Document, &document); err != nil {
					t.Fatal(err)
				}
				name = document.Name
			}
			if name != tt.want || a.Source != tt.source || a.Reason != tt.reason || a.Kept == tt.stale {
				t.Errorf("%q from %s, %s, kept %t; want %q from %s, %s, %t", name, a.Source, a.Reason, a.Kept,
					tt.want, tt.source, tt.reason, !tt.stale)
			}
			if !errors.Is(a.Err, tt.err) || tt.err == nil && a.Err != nil {
				t.Errorf("error %v, want %v", a.Err, tt.err)
			}
			if calls := f.callsTo("restaurants"); calls != tt.calls {
				t.Errorf("the owner was called %d times, want %d", calls, tt.calls)
			}
			if a.Lag == nil || *a.Lag != time.Minute {
				t.Errorf("the lag is %v", a.Lag)
			}
		})
	}
}

// TestManyDocuments: many are asked for at once, each once.
func TestManyDocuments(t *testing.T) {
	f := serveOwners(t)
	f.has("restaurants", "7", `{"id": 7, "name": "Seven", "version": 1}`)
	f.has("restaurants", "8", `{"id": 8, "name": "Eight"}`)
	f.has("restaurants", "9", `{"id": 9, "version": 1, "timeZone": "Mars"}`)
	s := restaurantsIn(t, 3, nil)
	r := NewDocuments(s, s.mapping, newOwners(t, f.options()), restaurants, ReaderOptions{})
	requests := []DocumentRequest{{ID: "7"}, {ID: "1"}, {ID: "8"}, {ID: "7"}, {ID: "9"}}
	for i := range 200 {
		requests = append(requests, DocumentRequest{ID: fmt.Sprint(1000 + i)})
	}
	answers := r.Read(t.Context(), view.Anybody(), requests)
	if len(answers) != len(requests) || s.gets != 1 || f.callsTo("restaurants") != 3 {
		t.Errorf("%d answers after %d reads and %d calls", len(answers), s.gets, f.callsTo("restaurants"))
	}
	for i, want := range []string{`"Seven"`, `"Ajanta 3"`, "", `"Seven"`, ""} {
		if got := string(answers[i].Document); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("answer %d is %s, want %s", i, got, want)
		}
	}
	if err := answers[2].Err; !errors.Is(err, ErrOwner) || !strings.Contains(err.Error(), "without a version") {
		t.Errorf("error %v of an answer without a version", err)
	}
	if err := answers[4].Err; !errors.Is(err, ErrOwner) {
		t.Errorf("error %v of an answer that cannot be used", err)
	}
	f.has("restaurants", "8", `{"name": "Nobody", "version": 1}`)
	answers = r.Read(t.Context(), view.Anybody(), requests[:3])
	if !errors.Is(answers[0].Err, errUnnamed) || !errors.Is(answers[2].Err, errUnnamed) || answers[1].Err != nil {
		t.Errorf("with an element without an id: %+v", answers)
	}
}

// TestForeignDocuments: of a view that is not public, what is not the viewer's is as what is not there.
func TestForeignDocuments(t *testing.T) {
	f := serveOwners(t)
	f.has("restaurants", "1", `{"id": 1, "name": "Ajanta", "version": 4}`)
	s := restaurantsIn(t, 3, nil)
	own := *s.mapping
	own.Public = false
	s.mapping = &own
	r := NewDocuments(s, s.mapping, newOwners(t, f.options()), restaurants, ReaderOptions{})
	for _, freshness := range []Freshness{{}, {Mode: Fresh}} {
		read := func(v view.Viewer) []DocumentAnswer {
			return r.Read(t.Context(), v, []DocumentRequest{{ID: "1", Freshness: freshness}, {ID: "2", Freshness: freshness}})
		}
		if a := read(view.As(view.RoleRestaurant, "1")); a[0].Document == nil {
			t.Errorf("the restaurant's own staff sees %+v", a[0])
		}
		for _, v := range []view.Viewer{view.As(view.RoleRestaurant, "3"), view.Anybody(), {}} {
			if a := read(v); a[0].Document != nil || !cmp.Equal(a[0], a[1]) {
				t.Errorf("%v of a foreign one %+v, of a missing one %+v", v, a[0], a[1])
			}
		}
	}
}

// TestPartsByName: what verification and healing are told is what composition is.
func TestPartsByName(t *testing.T) {
	f := serveOwners(t)
	f.hasOrder("1", "7", Versions{Order: 3, Ticket: 2})
	f.has("restaurants", "5", `{"id": 5, "name": "Five", "version": 2}`)
	f.breaks("bills", status(http.StatusServiceUnavailable))
	owners := newOwners(t, f.options())
	told := OrderParts{owners}.Ask(t.Context(), map[string][]string{
		"1": {"ORDER", "TICKET", "DELIVERY", "BILL"}, "2": {"ORDER"},
	})
	var parts view.Single
	if err := view.DecodeSingle(told["1"].Document, &anyDocument{&parts}); err != nil {
		t.Fatal(err)
	}
	want := map[string]*view.Part{"ORDER": {Version: 3, Origin: view.FromOwner}, "TICKET": {Version: 2, Origin: view.FromOwner}}
	if diff := cmp.Diff(want, parts.Parts); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	if len(told["1"].Failed) != 1 || !errors.Is(told["1"].Failed["BILL"], ErrOwner) {
		t.Errorf("failed %v", told["1"].Failed)
	}
	if two, ok := told["2"]; !ok || two.Document != nil || len(two.Failed) > 0 {
		t.Errorf("of an order that nobody knows: %+v", two)
	}

	from := CollectionParts{owners, restaurants}
	told = from.Ask(t.Context(), map[string][]string{"5": {"RESTAURANT"}, "6": {"RESTAURANT"}, "7": nil})
	if !strings.Contains(string(told["5"].Document), `"parts":{"RESTAURANT":{"version":2,"origin":"owner"}}`) || len(told) != 3 ||
		told["6"].Document != nil || len(told["6"].Failed) > 0 || told["7"].Document != nil {
		t.Errorf("%+v", told)
	}
	if got := f.asked["restaurants"]; !cmp.Equal(got, []string{"5", "6"}) {
		t.Errorf("asked for %v", got)
	}
	f.breaks("restaurants", body("application/json", `[{"id": 5, "name": "Five"}, {"id": 6, "name": "Six"}]`))
	if ids, err := from.IDs(t.Context()); err != nil || !cmp.Equal(ids, []string{"5", "6"}) {
		t.Errorf("all there are: %v, %v", ids, err)
	}
}

// anyDocument is whatever has parts.
type anyDocument struct{ *view.Single }

func (anyDocument) DocumentID() string { return "any" }

package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view"
)

// Outcome is what comparing a part with its owner's answer told. Its text is a metric's label.
type Outcome string

// The outcomes.
const (
	Equal          Outcome = "equal"
	Drift          Outcome = "drift"            // equal versions, different values: one of the two is wrong
	Behind         Outcome = "behind"           // the view's version is lower
	MissingInView  Outcome = "missing_in_view"  // the view has no such document
	Ahead          Outcome = "ahead"            // the view's version is higher: the owner answered what was
	MissingAtOwner Outcome = "missing_at_owner" // the owner does not know what the view has
	Changing       Outcome = "changing"         // events came between two looks, so nothing stayed to be compared
	Degraded       Outcome = "degraded"         // the view lacks an event of it for good, and knows
	Unversioned    Outcome = "unversioned"      // there is no version to compare, or events were on their way: skipped
	Failed         Outcome = "owner_failed"     // the owner could not be asked
)

// Outcomes lists them in the order in which they are shown.
var Outcomes = []Outcome{
	Equal, Drift, Behind, MissingInView, Ahead, MissingAtOwner, Changing, Degraded, Unversioned, Failed,
}

// Verdict is what was found of one part of a document.
type Verdict struct {
	Part        string // its name in the document
	Outcome     Outcome
	View, Owner view.Version // 0 where it has none
	Differences []Difference // of Drift, and of Unversioned where the owner has an answer; ordered by field
	Err         error        // of Failed

	last *view.Place // of an unversioned part: the last event that the view has
}

// Difference is a field that differs. The values are JSON, null where there is none.
type Difference struct {
	Field       string // the part and the path in it, without places in lists: order.lineItems.quantity
	View, Owner string
}

// Compare compares a document with what its owners answered, part by part. InView is nil where the view has no such
// document; atOwner knows nothing of parts that were not answered, and failed has those whose owner could not be asked.
// There is a verdict on each part that either side has; none on one whose owner is not configured. A part's history, and
// what is derived from the parts, is left out: no owner tells it.
func Compare(inView, atOwner projection.Document, failed map[string]error) []Verdict {
	var have []projection.Part
	if inView != nil {
		have = inView.Parts()
	}
	var verdicts []Verdict
	for i, told := range atOwner.Parts() {
		mine := projection.Part{Name: told.Name, Aggregate: told.Aggregate}
		if inView != nil {
			mine = have[i]
		}
		if v, ok := comparePart(mine, told, failed[told.Name]); ok {
			if v.Outcome == Behind && inView == nil {
				v.Outcome = MissingInView
			}
			verdicts = append(verdicts, v)
		}
	}
	return verdicts
}

func comparePart(have, told projection.Part, failed error) (v Verdict, ok bool) {
	v = Verdict{Part: have.Name, View: have.Version, Owner: told.Version, last: have.Last}
	begun := have.Begun() || len(have.Waiting) > 0 || have.Degraded != nil
	switch {
	case errors.Is(failed, compose.ErrNotConfigured):
		return Verdict{}, false
	case failed != nil:
		v.Outcome, v.Err = Failed, failed
	case !begun && told.Version == 0:
		return Verdict{}, false
	case have.Degraded != nil:
		v.Outcome = Degraded
	case !have.Versioned():
		v.Outcome = Unversioned
		if told.Version > 0 {
			v.Differences = differences(have, told)
		}
	case told.Version == 0:
		v.Outcome = MissingAtOwner
	case have.Version < told.Version:
		v.Outcome = Behind
	case have.Version > told.Version:
		v.Outcome = Ahead
	default:
		v.Outcome = Equal
		if v.Differences = differences(have, told); len(v.Differences) > 0 {
			v.Outcome = Drift
		}
	}
	return v, true
}

// open reports whether a verdict may be another one a moment later, without anything being wrong.
func (v *Verdict) open() bool {
	switch v.Outcome {
	case Behind, MissingInView, Ahead, MissingAtOwner, Failed, Unversioned:
		return true
	}
	return false
}

// passed makes the verdict on a part without a version final, where the view had all events that were published when the
// owner had answered: equal values are equal. Different ones stay open, since the owner may publish only now.
func (v *Verdict) passed() {
	if v.Outcome == Unversioned && v.Owner > 0 && len(v.Differences) == 0 {
		v.Outcome = Equal
	}
}

// settle returns what two looks at a part told, of which both the view's reading and the owner's answer of the second are
// later than those of the first. Behind is only who has not come to what the owner had answered at the first. Passed says
// that at the first the view had all events that were published.
func settle(first, second Verdict, passed bool) Verdict {
	switch second.Outcome {
	case Behind, MissingInView:
		if second.View >= first.Owner {
			second.Outcome = Changing
		}
	case Ahead:
		if second.Owner >= first.View {
			second.Outcome = Changing
		}
	case Unversioned:
		if !passed || first.Outcome != Unversioned || second.Owner == 0 {
			break
		}
		if second.passed(); second.Outcome == Unversioned && reflect.DeepEqual(first.last, second.last) &&
			reflect.DeepEqual(first.Differences, second.Differences) {
			second.Outcome = Drift
		}
	}
	return second
}

// wrong reports whether the view is to be mended, by its owner's answer.
func (v *Verdict) wrong() bool {
	switch v.Outcome {
	case Drift, Behind, MissingInView, Degraded:
		return true
	}
	return false
}

// differences returns the fields that differ between two states of a part, ordered, each once.
func differences(inView, atOwner projection.Part) []Difference {
	var found []Difference
	walk(strings.ToLower(inView.Name), inView.State, atOwner.State, func(d Difference) {
		if !slices.ContainsFunc(found, func(x Difference) bool { return x.Field == d.Field }) { // the first in a list
			found = append(found, d)
		}
	})
	slices.SortFunc(found, func(a, b Difference) int { return strings.Compare(a.Field, b.Field) })
	return found
}

// walk tells what differs between two JSON values. Lists of one length are compared element by element, others whole.
func walk(path string, inView, atOwner any, tell func(Difference)) {
	switch a := inView.(type) {
	case map[string]any:
		b, ok := atOwner.(map[string]any)
		if !ok {
			break
		}
		keys := maps.Clone(a)
		maps.Copy(keys, b)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			walk(path+"."+key, a[key], b[key], tell)
		}
		return
	case []any:
		b, ok := atOwner.([]any)
		if !ok || len(a) != len(b) {
			break
		}
		for i := range a {
			walk(path, a[i], b[i], tell)
		}
		return
	}
	if !reflect.DeepEqual(inView, atOwner) {
		tell(Difference{path, text(inView), text(atOwner)})
	}
}

func text(v any) string {
	encoded, err := json.Marshal(v)
	if err != nil { // it was decoded from JSON
		panic(fmt.Sprintf("verify: %v", err))
	}
	return string(encoded)
}

package verify

import (
	"fmt"
	"strings"
	"time"
)

// Report tells what was found.
type Report struct {
	Documents int             // compared
	Parts     map[Outcome]int // of them, by what was found
	Fields    map[string]*Field
	Examples  map[Outcome]Finding // the first one of each outcome but Equal

	Groups     int   // whose documents were asked for, see Listing
	Listed     int   // documents that they have
	ListFailed error // the last failure to ask for a group's

	Wrong  int       // parts that drift, stay behind or are missing, and were not mended; degraded ones are known as such
	Healed int       // parts that were mended
	Mended []Finding // the first of them, as they were
	Unable int       // parts that could not be mended
	Left   []Finding // the first of them; Err says why

	Took time.Duration
}

// Field is what was found of one field.
type Field struct {
	Documents  int // in which it differs
	Example    Finding
	Difference Difference // of the example
}

// Finding is a verdict on a part of a document.
type Finding struct {
	ID string
	Verdict
}

// maxShown is how many findings a Report lists of what was mended, and of what was not.
const maxShown = 10

func newReport() Report {
	return Report{Parts: map[Outcome]int{}, Fields: map[string]*Field{}, Examples: map[Outcome]Finding{}}
}

func (r *Report) add(id string, v Verdict) {
	r.Parts[v.Outcome]++
	if v.wrong() && v.Outcome != Degraded {
		r.Wrong++
	}
	if _, known := r.Examples[v.Outcome]; !known && v.Outcome != Equal {
		r.Examples[v.Outcome] = Finding{id, v}
	}
	if v.Outcome != Drift {
		return
	}
	for _, d := range v.Differences {
		f := r.Fields[d.Field]
		if f == nil {
			f = &Field{Example: Finding{id, v}, Difference: d}
			r.Fields[d.Field] = f
		}
		f.Documents++
	}
}

// healed adds what became of a part that was wrong; why is nil where it is right now.
func (r *Report) healed(id string, v Verdict, why error) {
	if why == nil {
		r.Healed++
		if v.Outcome != Degraded {
			r.Wrong--
		}
		if len(r.Mended) < maxShown {
			r.Mended = append(r.Mended, Finding{id, v})
		}
		return
	}
	r.Unable++
	if len(r.Left) < maxShown {
		v.Err = why
		r.Left = append(r.Left, Finding{id, v})
	}
}

func partsOf(verdicts []Verdict) (names []string) {
	for _, v := range verdicts {
		names = append(names, v.Part)
	}
	return names
}

func fieldsOf(v Verdict) []string {
	var fields []string
	for _, d := range v.Differences {
		fields = append(fields, d.Field)
	}
	return fields
}

// Progress is how far a verification is.
type Progress struct {
	Done, Total int // documents; Total is 0 where it is not known
	Drift       int // parts
	Took        time.Duration
}

// String returns the progress as one line, with a bar.
func (p Progress) String() string {
	rate := float64(p.Done) / max(p.Took.Seconds(), 0.001)
	if p.Total <= 0 {
		return fmt.Sprintf("%d documents, %d parts drift, %.0f a second", p.Done, p.Drift, rate)
	}
	const width = 30
	share := min(1, float64(p.Done)/float64(p.Total))
	full := int(share * width)
	left := time.Duration(float64(max(0, p.Total-p.Done)) / max(rate, 0.001) * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("[%s%s] %3.0f %%  %d of %d documents, %d parts drift, %.0f a second, %s left",
		strings.Repeat("#", full), strings.Repeat(".", width-full), share*100, p.Done, p.Total, p.Drift, rate, left)
}

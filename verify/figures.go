package verify

import (
	"sync"
	"time"
)

// Figures are what a Verifier has found since it was made, in short.
type Figures struct {
	Checked int       // documents compared, each as often as it was
	Drifted int       // of those, with another value at the same version
	Apart   int       // of those, that stayed behind, or are missing on one side
	At      time.Time // when it compared last; zero: never
}

// figures keeps Figures.
type figures struct {
	mu  sync.Mutex
	now Figures // guarded by mu
}

// checked counts documents that were compared.
func (f *figures) checked(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now.Checked += n
	f.now.At = time.Now()
}

// told counts a document by its final verdicts; where it is compared twice, those on each part come once.
func (f *figures) told(final []Verdict) {
	drifted, apart := 0, 0
	for _, v := range final {
		switch v.Outcome {
		case Drift:
			drifted = 1
		case Behind, MissingInView, MissingAtOwner:
			apart = 1
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now.Drifted += drifted
	f.now.Apart += apart
}

// Figures returns what was found until now.
func (v *Verifier) Figures() Figures {
	v.figures.mu.Lock()
	defer v.figures.mu.Unlock()
	return v.figures.now
}

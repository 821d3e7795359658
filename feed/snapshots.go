package feed

import "time"

// Snapshots remember where topics ended, and when, until a view has passed these ends. So they tell how old the view is:
// not by the events' time, which says nothing where there are none. The zero value is ready. It is for one goroutine.
type Snapshots struct {
	pending []snapshot // not passed, oldest first
	passed  snapshot   // the newest that was passed; its time is zero if none was
}

// snapshot is where the topics ended at a time or later.
type snapshot struct {
	at   time.Time
	ends Positions
}

// maxSnapshots bounds what is remembered during a long backlog; beyond it every other snapshot is forgotten.
const maxSnapshots = 1024

// Add takes in where the topics ended, as asked for at a time. It keeps ends.
func (s *Snapshots) Add(at time.Time, ends Positions) {
	s.pending = append(s.pending, snapshot{at, ends})
	if len(s.pending) > maxSnapshots {
		kept := s.pending[:0]
		for i := 0; i < len(s.pending); i += 2 {
			kept = append(kept, s.pending[i])
		}
		clear(s.pending[len(kept):])
		s.pending = kept
	}
}

// Pass says how far the view is. It only ever gets further, but for Restart.
func (s *Snapshots) Pass(written Positions) {
	n := 0
	for n < len(s.pending) && written.Reach(s.pending[n].ends) {
		n++
	}
	if n == 0 {
		return
	}
	s.passed = s.pending[n-1]
	s.pending = append(s.pending[:0], s.pending[n:]...)
}

// Restart says how far the view is where it has become another one, which may be less far.
func (s *Snapshots) Restart(written Positions) {
	if !s.passed.at.IsZero() {
		s.pending = append([]snapshot{s.passed}, s.pending...)
	}
	s.passed = snapshot{}
	s.Pass(written)
}

// Passed returns when the newest snapshot that the view has passed had been asked for.
func (s *Snapshots) Passed() (at time.Time, known bool) { return s.passed.at, !s.passed.at.IsZero() }

// Oldest returns when the oldest snapshot that the view has not passed had been asked for.
func (s *Snapshots) Oldest() (at time.Time, known bool) {
	if len(s.pending) == 0 {
		return time.Time{}, false
	}
	return s.pending[0].at, true
}

package compose

import (
	"context"
	"time"
)

// Lag returns how far the view is behind what was published, for reads by id that begin afterwards; nil where nobody knows.
func (r *Reader) Lag() *time.Duration { return r.horizon.standing().lag }

// Refresh returns when searches of the view see all that had been written before the call. All who wait share the store's
// refreshes; a store whose searches see a write at once needs none.
func (r *Reader) Refresh(ctx context.Context) error {
	if r.horizon.delay == 0 {
		return nil
	}
	return r.horizon.refresh(ctx)
}

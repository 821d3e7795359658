//go:build !unix

package viewtest

import "time"

// CPUTime returns how long this process has computed, 0 where that is not known.
func CPUTime() time.Duration { return 0 }

//go:build unix

package viewtest

import (
	"syscall"
	"time"
)

// CPUTime returns how long this process has computed, 0 where that is not known.
func CPUTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

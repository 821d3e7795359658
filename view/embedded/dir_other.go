//go:build !unix || solaris || aix

package embedded

import "os"

// lockDir takes nothing: here the index's own lock of its root file alone keeps a second process out, after a wait and
// with a message that names no process.
func lockDir(string) (*os.File, error) { return nil, nil }

// syncDir does nothing: not every system lets a directory be synced.
func syncDir(string) error { return nil }

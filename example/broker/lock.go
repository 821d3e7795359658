package broker

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// InUseError says that another process has the directory.
type InUseError struct {
	Dir    string
	Holder string // who, as it said when it took the directory; "" where it has not said
}

func (e *InUseError) Error() string {
	holder := e.Holder
	if holder == "" {
		holder = "another process"
	}
	return fmt.Sprintf("directory %s is in use by %s", e.Dir, holder)
}

// errLocked says that another process has the lock.
var errLocked = errors.New("locked")

// lock is a held lock on a directory. The system lets go of it when the process ends, however it ends.
type lock struct{ file *os.File }

// lockDir makes the directory if it is missing and locks it, or returns an *InUseError.
func lockDir(dir string) (*lock, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := lockFile(file); err != nil {
		if errors.Is(err, errLocked) {
			holder, _ := io.ReadAll(io.LimitReader(file, 1024))
			err = &InUseError{Dir: dir, Holder: strings.TrimSpace(string(holder))}
		} else {
			err = fmt.Errorf("locking %s: %w", dir, err)
		}
		return nil, errors.Join(err, file.Close())
	}
	l := &lock{file}
	holder := fmt.Sprintf("process %d (%s) since %s\n",
		os.Getpid(), filepath.Base(os.Args[0]), time.Now().UTC().Format(time.RFC3339))
	if err := errors.Join(file.Truncate(0), write(file, holder)); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, err), l.release())
	}
	return l, nil
}

func write(file *os.File, text string) error {
	_, err := file.WriteAt([]byte(text), 0)
	return err
}

// release lets go of the directory. The file stays: who removed it could remove one that another process has locked since.
func (l *lock) release() error {
	if l == nil {
		return nil
	}
	return l.file.Close()
}

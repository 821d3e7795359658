package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/forgotten"
	"github.com/viewgate/viewgate/retry"
	"github.com/viewgate/viewgate/view/embedded"
)

// An embedded view's directory belongs to the process that serves it. So that process erases it when it learns that somebody is to
// be forgotten, and says in a file how far it is, for the command that waits.

// sweptName is that file, in the view's directory: behind which entry of the list it is swept, and in further lines what is left.
const sweptName = "swept"

// readSwept returns what the file says; 0 where it is not there.
func readSwept(dir string) (swept int64, left []string, err error) {
	path := filepath.Join(dir, sweptName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if swept, err = strconv.ParseInt(lines[0], 10, 64); err != nil {
		return 0, nil, fmt.Errorf("%s: %q is no number: remove the file", path, lines[0])
	}
	return swept, lines[1:], nil
}

func writeSwept(dir string, swept int64, left []string) error {
	path := filepath.Join(dir, sweptName)
	text := strings.Join(append([]string{strconv.FormatInt(swept, 10)}, left...), "\n") + "\n"
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

const (
	// sweepInterval is between two looks at the list.
	sweepInterval = time.Second
	// sweepPause is after a sweep that failed.
	sweepPause = time.Minute
)

// sweeper erases an embedded view in the process that serves it.
type sweeper struct {
	*sweeping
	forgotten *forgotten.Topic
	store     *embedded.Store
	dir       string // "": the view need not survive the process
	brokers   []string
	config    *sarama.Config
	logger    *slog.Logger
}

func newSweeper(v *served, s shared) (*sweeper, error) {
	own, err := newSweeping(v.definition, v.mapping, v.sources, s.ordering, s.forgotten.List())
	if err != nil {
		return nil, err
	}
	x := &sweeper{
		sweeping: own, forgotten: s.forgotten, store: v.store.(*embedded.Store), brokers: s.kafka.Brokers, config: s.config, logger: v.logger,
	}
	if !s.temporary {
		x.dir = viewDir(s.data, v.mapping)
	}
	return x, nil
}

// run erases the view whenever somebody more is forgotten, until ctx ends. It begins with what came while nobody served it.
func (x *sweeper) run(ctx context.Context) error {
	if x.forgotten.Read(ctx) != nil {
		return nil // ctx has ended
	}
	swept := int64(0)
	if x.dir != "" {
		var err error
		if swept, _, err = readSwept(x.dir); err != nil {
			return err
		}
	}
	for first := true; ; first = false {
		if people, next := x.forgotten.List().Len(); people > 0 && next > swept {
			// What was begun before is written by then (package forgotten). At first nothing was.
			if !first && !retry.Wait(ctx, forgotten.Grace) {
				return nil
			}
			left, err := x.sweep(ctx)
			if err == nil && x.dir != "" {
				err = writeSwept(x.dir, next, left)
			}
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil:
				x.logger.Error("not all is erased of people who are forgotten; trying again", "error", err, "after", sweepPause)
				if !retry.Wait(ctx, sweepPause) {
					return nil
				}
			default:
				swept = next
			}
		}
		if !retry.Wait(ctx, sweepInterval) {
			return nil
		}
	}
}

// sweep erases the view's indices and dead letters. What is left is what it cannot erase, for people.
func (x *sweeper) sweep(ctx context.Context) (left []string, err error) {
	others, err := x.store.Beside()
	defer func() {
		for _, other := range others {
			err = errors.Join(err, other.Close())
		}
	}()
	if err != nil {
		return nil, err
	}
	documents := 0
	for _, index := range append([]*embedded.Store{x.store}, others...) {
		if index.CheckMapping(ctx) != nil {
			left = append(left, fmt.Sprintf("%s was made from another schema: stop the process that serves the view and remove that "+
				"directory", index.Name()))
			continue
		}
		n, err := x.all(ctx, index)
		documents += n
		if err == nil {
			err = index.Purge(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
	box, err := deadletter.Open(ctx, x.brokers, x.config, topicsOf(x.sources))
	if err != nil {
		return nil, err
	}
	defer box.Close()
	letters, err := box.Erase(ctx, x.letters(ctx, x.store, x.forgotten.List()))
	if err == nil {
		x.logger.Info("people are forgotten", "documents", documents, "dead letters", letters, "left", len(left))
	}
	return left, err
}

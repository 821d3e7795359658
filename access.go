package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/viewgate/viewgate/graph"
)

// The operations that an access log can have.
const (
	accessAll  = "all"
	accessSlow = "slow" // and those that fail by no fault of the client's
	accessOff  = "off"
)

// accessLog writes a line for each operation that it is to have. A line names nobody: it has neither the client's address, nor
// what the client sent besides the name of the operation.
type accessLog struct {
	logger *slog.Logger
	mode   string
	slow   time.Duration // from which on a query is slow; 0: none is
}

// newAccessLog reports a mode that there is not, as a usageError.
func newAccessLog(logger *slog.Logger, mode string, slow time.Duration) (accessLog, error) {
	switch mode {
	case accessAll, accessSlow, accessOff:
		return accessLog{logger, mode, slow}, nil
	}
	return accessLog{}, usageError{fmt.Errorf("--access-log %s: not one of all, slow, off", strconv.Quote(mode))}
}

// ours are the outcomes of which an operator should know.
var ours = []string{"INTERNAL_SERVER_ERROR", "UPSTREAM_UNAVAILABLE", "TIMEOUT"}

// write writes an operation's line, if it is to have one. What is slow, or failed by no fault of the client's, is a warning. A
// subscription lasts as long as its client likes, and is never slow.
func (l accessLog) write(ctx context.Context, o graph.Observation) {
	slow := l.slow > 0 && o.Took >= l.slow && o.Kind != "subscription"
	level, message := slog.LevelInfo, "operation"
	switch {
	case slow:
		level, message = slog.LevelWarn, "slow operation"
	case slices.Contains(ours, o.Outcome):
		level, message = slog.LevelWarn, "operation failed"
	}
	if l.mode == accessOff || l.mode == accessSlow && level == slog.LevelInfo || !l.logger.Enabled(ctx, level) {
		return
	}
	line := []slog.Attr{
		slog.String("request", o.RequestID), slog.String("transport", string(o.Transport)),
		slog.String("operation", o.Operation), slog.String("outcome", o.Outcome), slog.Duration("took", o.Took),
	}
	for _, more := range []slog.Attr{
		slog.String("kind", o.Kind), slog.String("name", o.Name), slog.String("role", string(o.Viewer.Role())),
		slog.Int("status", o.Status), slog.Int("cost", o.CostEstimated), slog.Int("costActual", o.CostActual),
		slog.String("sources", counts(o.Sources)), slog.String("errors", counts(o.Errors)), slog.Int("messages", o.Messages),
	} {
		if text := more.Value.String(); text != "" && text != "0" {
			line = append(line, more)
		}
	}
	l.logger.LogAttrs(ctx, level, message, line...)
}

// counts renders numbers by names as name:number, in the names' order.
func counts[K ~string](numbers map[K]int) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		all = append(all, fmt.Sprintf("%s:%d", name, numbers[name]))
	}
	return strings.Join(all, ",")
}

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/indexer"
)

// dlqSettings are what dlq can be told.
type dlqSettings struct {
	kafka      indexer.Connection
	configFile string
	topic      string
	reason     string
	key        string
	letter     string
	each       bool
	all        bool
	force      bool
	dryRun     bool
}

// dlqActions are what dlq can do, and the flags that only one of them understands.
var dlqActions = map[string]struct {
	run   func(context.Context, console, *deadLetters) error
	flags []string
}{
	"list":   {listLetters, []string{"each"}},
	"show":   {showLetter, nil},
	"replay": {replayLetters, []string{"all", "force", "dry-run"}},
}

// check reports what of the command line does not go together.
func (s dlqSettings) check(action string, set []string) error {
	if _, ok := dlqActions[action]; !ok {
		return usageError{fmt.Errorf("ACTION %q is not one of list, show, replay", action)}
	}
	for name, other := range dlqActions {
		for _, flag := range other.flags {
			if name != action && slices.Contains(set, flag) {
				return usageError{fmt.Errorf("--%s goes with %s, not with %s", flag, name, action)}
			}
		}
	}
	reasons := event.Reasons()
	if s.reason != "" && !slices.Contains(reasons, event.Reason(s.reason)) {
		return usageError{fmt.Errorf("--reason %q is not one of %s", s.reason, join(reasons))}
	}
	return nil
}

// join writes reasons with commas between them.
func join(reasons []event.Reason) string {
	var list []string
	for _, r := range reasons {
		list = append(list, string(r))
	}
	return strings.Join(list, ", ")
}

// deadLetters are an open box of letters and what is asked of it.
type deadLetters struct {
	*deadletter.Box
	settings dlqSettings
	filter   deadletter.Filter
	decoder  *event.Decoder
}

// dlq lists, shows or replays dead letters.
func dlq(ctx context.Context, c console, s dlqSettings, action string) error {
	sources, _, err := readTopics(s.configFile)
	if err != nil {
		return err
	}
	d := &deadLetters{settings: s, filter: deadletter.Filter{Reason: event.Reason(s.reason), Key: s.key}}
	if d.decoder, err = event.NewDecoder(sources); err != nil {
		return err
	}
	if s.letter != "" {
		at, err := deadletter.ParsePosition(s.letter)
		if err != nil {
			return usageError{fmt.Errorf("--letter: %w", err)}
		}
		d.filter.At = &at
	}
	var topics []string
	for _, source := range sources {
		if (s.topic == "" || deadletter.MatchTopic(source.Topic, s.topic)) &&
			(d.filter.At == nil || deadletter.MatchTopic(source.Topic, d.filter.At.Topic)) {
			topics = append(topics, source.Topic)
		}
	}
	if len(topics) == 0 {
		return fmt.Errorf("--topic %q, --letter %q: none of the topics that are configured (--config)", s.topic, s.letter)
	}
	config, err := openKafka(ctx, s.kafka)
	if err != nil {
		return err
	}
	if d.Box, err = deadletter.Open(ctx, s.kafka.Brokers, config, topics); err != nil {
		return err
	}
	defer d.Close()
	return dlqActions[action].run(ctx, c, d)
}

// heap is the dead letters of a topic that have the same reason, one for each record.
type heap struct {
	topic, reason     string
	records, replayed int
	oldest, newest    time.Time
}

// listLetters writes a table of how many letters there are, or of each of them.
func listLetters(ctx context.Context, c console, d *deadLetters) error {
	table := newTable(c.out)
	found := 0
	heaps := map[[2]string]*heap{}
	err := d.Each(ctx, d.filter, func(l deadletter.Letter) error {
		if found++; d.settings.each {
			if found == 1 {
				table.row("LETTER", "KEY", "REASON", "COPIES", "WRITTEN", "REPLAYED", "DETAIL")
			}
			table.row(l.At.String(), brief(l.Key), reasonOf(l), strconv.Itoa(l.Copies), stamp(l.Since), stamp(l.Replayed),
				brief([]byte(l.Detail)))
			return nil
		}
		name := [2]string{l.Origin.Topic, reasonOf(l)}
		h := heaps[name]
		if h == nil {
			h = &heap{topic: name[0], reason: name[1], oldest: l.Since, newest: l.Since}
			heaps[name] = h
		}
		h.records++
		if !l.Replayed.IsZero() {
			h.replayed++
		}
		if l.Since.Before(h.oldest) {
			h.oldest = l.Since
		}
		if l.Since.After(h.newest) {
			h.newest = l.Since
		}
		return nil
	})
	if err != nil {
		return err
	}
	if found == 0 {
		_, err := fmt.Fprintln(c.out, "no dead letters")
		return err
	}
	if !d.settings.each {
		table.row("TOPIC", "REASON", "RECORDS", "REPLAYED", "OLDEST", "NEWEST")
		for _, h := range slices.SortedFunc(maps.Values(heaps), func(a, b *heap) int {
			return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.reason, b.reason))
		}) {
			table.row(h.topic, h.reason, strconv.Itoa(h.records), strconv.Itoa(h.replayed), stamp(h.oldest), stamp(h.newest))
		}
	}
	return table.flush()
}

// showLetter writes all of the one letter that the filters choose.
func showLetter(ctx context.Context, c console, d *deadLetters) error {
	var one deadletter.Letter
	found := 0
	err := d.Each(ctx, d.filter, func(l deadletter.Letter) error {
		if found++; found == 1 {
			one = l
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case found == 0:
		return errors.New("there is no such dead letter")
	case found > 1:
		return fmt.Errorf("that is %d dead letters: name one with --letter, as dlq list --each does", found)
	}
	fetched, gone := d.Fetch(ctx, one)
	if gone != nil && !errors.Is(gone, deadletter.ErrGone) {
		return gone
	}
	table := newTable(c.out)
	table.row("Letter", one.At.String())
	table.row("Copies", strconv.Itoa(one.Copies))
	table.row("Written", stamp(one.Since))
	table.row("Replayed", stamp(one.Replayed))
	table.row("Reason", reasonOf(one))
	table.row("Detail", printable([]byte(one.Detail)))
	table.row("Record", one.Origin.String())
	table.row("Time", stamp(one.Time))
	table.row("Key", printable(one.Key))
	for _, h := range one.Headers {
		table.row("Header", printable([]byte(h.Key))+": "+printable(h.Value))
	}
	kind, text := valueText(fetched.Value)
	switch {
	case gone != nil:
		kind, text = gone.Error(), ""
	case one.ByReference:
		kind += ", not copied, from where it was"
	}
	table.row("Value", kind)
	if err := table.flush(); err != nil {
		return err
	}
	if text == "" {
		return nil
	}
	_, err = fmt.Fprintf(c.out, "\n%s\n", strings.TrimSuffix(text, "\n"))
	return err
}

// maxSkipped is how many skipped letters replay names.
const maxSkipped = 20

// replayLetters publishes letters again, and says which it did not, and why.
func replayLetters(ctx context.Context, c console, d *deadLetters) error {
	s := d.settings
	total := int64(d.Len())
	if d.filter != (deadletter.Filter{}) {
		total = 0 // how many the filters choose is not known before
	}
	bar := newProgressBar(c.err, total)
	done, before, skipped := 0, 0, 0
	table := newTable(c.out)
	err := d.Replay(ctx, deadletter.ReplayOptions{
		Filter: d.filter, All: s.all, Force: s.force, DryRun: s.dryRun, Decoder: d.decoder,
		Observe: func(l deadletter.Letter, err error) {
			switch {
			case err == nil && s.dryRun:
				table.row(l.At.String(), brief(l.Key), fmt.Sprintf("to %s/%d", l.Origin.Topic, l.Origin.Partition))
				done++
			case err == nil:
				done++
			case errors.Is(err, deadletter.ErrReplayed):
				before++
			default:
				if skipped++; skipped <= maxSkipped {
					table.row(l.At.String(), brief(l.Key), "skipped: "+printable([]byte(err.Error())))
				}
			}
			if !s.dryRun {
				bar.show(int64(done+before+skipped), done)
			}
		},
	})
	if !s.dryRun && done+before+skipped > 0 {
		bar.finish(done)
	}
	if err := table.flush(); err != nil {
		return err
	}
	if skipped > maxSkipped {
		fmt.Fprintf(c.out, "… and %d more were skipped\n", skipped-maxSkipped)
	}
	would := ""
	if s.dryRun {
		would = "would be "
	}
	fmt.Fprintf(c.out, "%d %sreplayed, %d skipped, %d replayed before\n", done, would, skipped, before)
	switch {
	case err != nil:
		return err
	case skipped > 0 && !s.dryRun:
		return fmt.Errorf("%d letters were skipped; dlq show tells all of one, --force replays what is not gone", skipped)
	}
	return nil
}

// table writes rows whose columns stand under each other.
type table struct{ *tabwriter.Writer }

func newTable(w io.Writer) table { return table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

func (t table) row(cells ...string) { fmt.Fprintln(t, strings.Join(cells, "\t")) }

func (t table) flush() error { return t.Flush() }

func reasonOf(l deadletter.Letter) string { return cmp.Or(string(l.Reason), "not said") }

// stamp writes a time in whole seconds, in UTC.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// printable returns the text itself where a terminal only shows it, else quoted: it comes from whoever wrote the record.
func printable(b []byte) string {
	switch {
	case b == nil:
		return "-"
	case utf8.Valid(b) && !bytes.ContainsFunc(b, func(r rune) bool { return !unicode.IsPrint(r) }):
		return string(b)
	}
	return strconv.Quote(string(b))
}

// brief is printable, cut to what a column of a table can take.
func brief(b []byte) string {
	const most = 60
	if s := []rune(printable(b)); len(s) > most {
		return string(s[:most-1]) + "…"
	}
	return printable(b)
}

// valueText returns what a record's value is, and as it can be shown: JSON indented, other text as it is, else as hex.
func valueText(value []byte) (kind, text string) {
	plain := utf8.Valid(value) && !bytes.ContainsFunc(value, func(r rune) bool {
		return !unicode.IsPrint(r) && r != '\n' && r != '\r' && r != '\t'
	})
	var indented bytes.Buffer
	switch {
	case value == nil:
		return "none: a tombstone", ""
	case len(value) == 0:
		return "empty", ""
	case plain && json.Indent(&indented, value, "", "  ") == nil:
		return fmt.Sprintf("%d bytes of JSON", len(value)), indented.String()
	case plain:
		return fmt.Sprintf("%d bytes of text", len(value)), string(value)
	}
	return fmt.Sprintf("%d bytes", len(value)), hex.Dump(value)
}

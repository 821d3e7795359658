package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/export"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/search"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/elastic"
	"github.com/viewgate/viewgate/view/embedded"
)

// exportSettings are what export can be told.
type exportSettings struct {
	elastic elastic.Options // without URLs: the embedded store
	data    string
	as      string // who sees what is exported; "": somebody who sees everything
	query   string
	strict  bool
	order   []string
	limit   int // 0: none
	format  string
	fields  []string // of csv; none: all
	output  string   // "": standard output
	force   bool
}

// The formats.
const (
	formatLines = "jsonl"
	formatCSV   = "csv"
)

// check reports what of the command line does not go together, as a usageError.
func (s exportSettings) check() error {
	switch {
	case s.format != formatLines && s.format != formatCSV:
		return usageError{fmt.Errorf("--format %q is not one of %s, %s", s.format, formatLines, formatCSV)}
	case len(s.fields) > 0 && s.format != formatCSV:
		return usageError{fmt.Errorf("--fields goes with --format %s, not with %s, which has whole documents", formatCSV, s.format)}
	case s.limit < 0:
		return usageError{fmt.Errorf("--limit %d: not a number of 0 or more", s.limit)}
	case s.force && s.output == "":
		return usageError{errors.New("--force goes with --output")}
	case len(s.elastic.URLs) == 0 && s.data == "":
		return usageError{errors.New("where is the view? Set --elasticsearch or --data, as serve has it")}
	}
	return nil
}

// exporting is what to read of a view and how to write it.
type exporting struct {
	viewer   view.Viewer
	query    view.Query
	limit    int // 0: none
	warnings []search.Warning
	header   []byte
	append   func(into []byte, document json.RawMessage) ([]byte, error)
}

// exporting returns what the settings mean for a view of the schema.
func (s exportSettings) exporting(sdl *ast.Schema, m *view.Mapping) (exporting, error) {
	x := exporting{limit: s.limit, query: view.Query{Size: view.MaxSize}}
	if s.limit > 0 {
		x.query.Size = min(s.limit, view.MaxSize)
	}
	fields := search.FieldsIn(sdl, m)
	expr, warnings := search.Parse(s.query)
	filter, more := fields.Compile(expr, search.Options{})
	x.query.Filter, x.warnings = filter, append(warnings, more...)
	var err error
	if x.viewer, err = viewerCalled(s.as); err != nil {
		return x, usageError{fmt.Errorf("--as %w", err)}
	}
	if x.query.Sort, err = export.Order(fields, s.order); err != nil {
		return x, usageError{fmt.Errorf("--order: %w", err)}
	}
	if err := x.query.CheckScan(m); err != nil {
		return x, usageError{fmt.Errorf("--query or --order: %w", err)}
	}
	if s.format == formatLines {
		x.append = export.NewLines(sdl, m).Append
		return x, nil
	}
	columns := export.Columns(sdl, m)
	if len(s.fields) > 0 {
		if columns, err = export.Named(fields, s.fields); err != nil {
			return x, usageError{fmt.Errorf("--fields: %w", err)}
		}
	}
	csv := export.NewCSV(columns)
	x.header, x.append = csv.Header(), csv.Append
	return x, nil
}

// viewerCalled returns the viewer that is called ROLE:ID; Support for "".
func viewerCalled(name string) (view.Viewer, error) {
	role, id, _ := strings.Cut(name, ":")
	switch {
	case name == "":
		return view.Support(), nil
	case auth.Role(role) == auth.Consumer && id != "":
		return view.As(view.RoleConsumer, id), nil
	case auth.Role(role) == auth.Restaurant && id != "":
		return view.As(view.RoleRestaurant, id), nil
	}
	return view.Viewer{}, fmt.Errorf("%q: not consumer:ID or restaurant:ID", name)
}

// warn tells what of the query was not understood, and returns an error where nothing is to be written for that.
func (x exporting) warn(w io.Writer, strict bool) error {
	for _, warning := range x.warnings {
		fmt.Fprintf(w, "viewgate export: warning: %s (at %s)\n", printable([]byte(warning.Message)),
			brief([]byte(warning.Place.Text)))
	}
	switch {
	case len(x.warnings) == 0:
		return nil
	case strict:
		return usageError{errors.New("--query is not understood as it stands, and --strict is given: nothing is written")}
	case x.query.Filter == nil:
		return usageError{errors.New("nothing is left of --query, so it would find everything: nothing is written. Leave it out if " +
			"everything is meant")}
	}
	return nil
}

// exportView writes the documents of a view that a query finds.
func exportView(ctx context.Context, c console, s exportSettings, name string) error {
	if err := s.check(); err != nil {
		return err
	}
	if _, err := viewNamed(name); err != nil {
		return err
	}
	sdl, err := schema.Load()
	if err != nil {
		return err
	}
	mapping, err := view.MappingOf(sdl, name)
	if err != nil {
		return err
	}
	x, err := s.exporting(sdl, mapping)
	if err != nil {
		return err
	}
	if err := x.warn(c.err, s.strict); err != nil {
		return err
	}
	if s.output != "" {
		if _, err := replaceable(s.output, s.force); err != nil {
			return err
		}
	}
	indices, err := s.open(ctx, mapping)
	if err != nil {
		return err
	}
	defer indices.Close() // it was only read
	index, err := indices.Live(ctx)
	if err == nil {
		err = index.CheckMapping(ctx)
	}
	if err != nil {
		return err
	}
	bar := &progressLine{w: io.Discard}
	if isTerminal(c.err) && (s.output != "" || !isTerminal(c.out)) { // else it would be among the documents
		bar.w = c.err
	}
	p := exportProgress{begun: time.Now()}
	if s.output == "" {
		err = p.stopped(ctx, x.write(ctx, index, c.out, &p, bar), "")
	} else {
		err = replaceFile(s.output, s.force, func(w io.Writer) error {
			return p.stopped(ctx, x.write(ctx, index, w, &p, bar), "; "+s.output+" was not written")
		})
	}
	bar.end()
	if err == nil {
		fmt.Fprintf(c.err, "%d documents of %s in %s\n", p.done, index.Name(), time.Since(p.begun).Round(time.Millisecond))
	}
	return err
}

// open opens the indices of a view.
func (s exportSettings) open(ctx context.Context, m *view.Mapping) (view.Indices, error) {
	if len(s.elastic.URLs) > 0 {
		return elastic.OpenIndices(ctx, m, s.elastic)
	}
	dir := viewDir(s.data, m)
	if _, err := os.Stat(dir); err != nil { // opened, it would be made
		return nil, fmt.Errorf("--data %s holds no view of %s: %w", s.data, m.View, err)
	}
	indices, err := embedded.OpenIndices(dir, m, embedded.Options{})
	if errors.Is(err, embedded.ErrLocked) {
		return nil, fmt.Errorf("%w: an embedded view is exported while nothing else uses it; stop that process first, or export a "+
			"copy of the directory that was made while it was stopped", err)
	}
	if err != nil { // a nil *embedded.Indices is no nil view.Indices
		return nil, err
	}
	return indices, nil
}

// errEnough ends a scan when all that was asked for is written.
var errEnough = errors.New("enough documents")

// write writes the documents of a store, a page at once, and tells p and the bar how far it is.
func (x exporting) write(ctx context.Context, store view.Store, w io.Writer, p *exportProgress, bar *progressLine) error {
	text := x.header
	err := store.Scan(ctx, x.viewer, x.query, func(page view.Page) error {
		p.total = page.Total
		if x.limit > 0 {
			p.total = min(p.total, x.limit)
		}
		hits := page.Hits[:min(len(page.Hits), p.total-p.done)]
		for _, hit := range hits {
			var err error
			if text, err = x.append(text, hit.Source); err != nil {
				return fmt.Errorf("document %q: %w", hit.ID, err)
			}
		}
		if _, err := w.Write(text); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		text = text[:0]
		p.done += len(hits)
		if now := time.Now(); now.Sub(p.shown) > 200*time.Millisecond {
			p.shown = now
			bar.show(*p)
		}
		if p.done == p.total {
			return errEnough
		}
		return ctx.Err()
	})
	switch {
	case errors.Is(err, errEnough):
		return nil
	case err == nil:
		return errors.New("the view ended before all that it had told of")
	}
	return err
}

// exportProgress is how far an export is.
type exportProgress struct {
	done, total  int
	begun, shown time.Time
}

// stopped returns what to tell of an export that an error has ended, nil for none. Then is what became of its output.
func (p exportProgress) stopped(ctx context.Context, err error, then string) error {
	so := fmt.Sprintf("%d of %d documents%s", p.done, p.total, then)
	if p.total == 0 {
		so = "no document" + then
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errors.New("interrupted after " + so)
	}
	return fmt.Errorf("after %s: %w", so, err)
}

func (p exportProgress) String() string {
	const width = 30
	share := float64(p.done) / float64(max(1, p.total))
	full := int(share * width)
	took := max(time.Since(p.begun), time.Millisecond)
	left := time.Duration(float64(took) * (1 - share) / max(share, 0.001)).Round(time.Second)
	return fmt.Sprintf("[%s%s] %3.0f %%  %d of %d documents, %.0f a second, %s left", strings.Repeat("#", full),
		strings.Repeat(".", width-full), share*100, p.done, p.total, float64(p.done)/took.Seconds(), left)
}

// isTerminal reports whether what is written there is shown as it comes.
func isTerminal(w io.Writer) bool {
	f, is := w.(*os.File)
	if !is {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&fs.ModeCharDevice != 0
}

// replaceable returns which file to write for a name: the one that a link leads to. It is an error where something is there
// that must not be replaced.
func replaceable(name string, force bool) (string, error) {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return name, nil
	}
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if name, err = filepath.EvalSymlinks(name); err == nil {
			info, err = os.Stat(name)
		}
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("--output: %w", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("--output %s is no regular file, and is not replaced; without it standard output is written", name)
	case !force:
		return "", fmt.Errorf("--output %s is there already; --force replaces it", name)
	}
	return name, nil
}

// replaceFile lets write fill a file beside the one of this name and puts it there when it is complete and on disk. An error
// leaves what was there.
func replaceFile(name string, force bool, write func(io.Writer) error) (failed error) {
	target, err := replaceable(name, force)
	if err != nil {
		return err
	}
	beside, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".*.part") // for its owner's eyes alone
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	defer func() {
		if failed != nil {
			beside.Close() // a second time, if that is what failed
			os.Remove(beside.Name())
		}
	}()
	if err := write(beside); err != nil {
		return err
	}
	if err := beside.Sync(); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	if err := beside.Close(); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	if _, err := replaceable(name, force); err != nil { // it may have come meanwhile
		return err
	}
	if err := os.Rename(beside.Name(), target); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/rebuild"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/elastic"
	"github.com/viewgate/viewgate/view/embedded"
)

// rebuildSettings are what rebuild and rollback can be told.
type rebuildSettings struct {
	kafka      indexer.Connection
	group      string
	configFile string
	elastic    elastic.Options // without URLs: the embedded store
	data       string
	forgotten  string // the topic that has who is to be forgotten; "": named by the prefix of names in Elasticsearch
	logLevel   string
	sample     int
	force      bool
	abandon    bool
	metrics    string // address; "": none
}

// rebuildView builds a new index of a view and makes it the live one, or gives up what an earlier run has begun.
func rebuildView(ctx context.Context, c console, s rebuildSettings, name string) error {
	return maintain(ctx, c, s, name, func(r *rebuild.Rebuilder, bar *progressLine) error {
		if s.abandon {
			index, err := r.Abandon(ctx)
			if err == nil {
				fmt.Fprintf(c.out, "%s is removed; the live index is as it was\n", index)
			}
			return err
		}
		report, err := r.Rebuild(ctx)
		bar.end()
		describe(c.out, report)
		switch {
		case errors.Is(err, rebuild.ErrDifferent):
			return fmt.Errorf("%w; the live index is as it was, and %s is kept. Publish it all the same with --force, or "+
				"remove it with --abandon", err, report.To)
		case ctx.Err() != nil && errors.Is(err, ctx.Err()):
			return errors.New("interrupted; the same command goes on from here, and with --abandon it gives up")
		case err == nil:
			fmt.Fprintf(c.out, "%s is live now. Running indexers go on with it by themselves.\n", report.To)
			if report.From != "" {
				fmt.Fprintf(c.out, "%s is kept: viewgate rollback %s goes back to it.\n", report.From, name)
			}
		}
		return err
	})
}

// rollbackView makes the index live that was so before, after it has caught up.
func rollbackView(ctx context.Context, c console, s rebuildSettings, name string) error {
	return maintain(ctx, c, s, name, func(r *rebuild.Rebuilder, bar *progressLine) error {
		report, err := r.Rollback(ctx)
		bar.end()
		if err == nil {
			fmt.Fprintf(c.out, "%s is live again, %d records later. Running indexers go on with it by themselves.\n"+
				"%s is kept: a further rollback goes back to it.\n", report.To, report.Records, report.From)
		}
		return err
	})
}

// maintain opens the indices of a view and lets do work on them.
func maintain(
	ctx context.Context, c console, s rebuildSettings, name string, do func(*rebuild.Rebuilder, *progressLine) error,
) error {
	bar := &progressLine{w: c.err}
	logger, err := newLogger(bar, s.logLevel)
	if err != nil {
		return err
	}
	d, err := viewNamed(name)
	if err != nil {
		return err
	}
	if len(s.elastic.URLs) == 0 && s.data == "" {
		return errors.New("where is the view? Set --elasticsearch or --data, as serve has it")
	}
	sources, ordering, err := readTopics(s.configFile)
	if err != nil {
		return err
	}
	indices, err := openIndices(ctx, s, d)
	if errors.Is(err, embedded.ErrLocked) {
		return fmt.Errorf("%w: an embedded view is rebuilt while nothing else uses it; stop that process first", err)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err := indices.Close(); err != nil {
			logger.Error("close the indices", "error", err)
		}
	}()
	config, err := openKafka(ctx, s.kafka)
	if err != nil {
		return err
	}
	mapping, err := d.readMapping()
	if err != nil {
		return err
	}
	people, stop, err := readForgotten(ctx, s, config, logger)
	if err != nil {
		return err
	}
	defer stop()
	metrics := newRebuildMetrics(name)
	if s.metrics != "" {
		stop, err := metrics.serve(s.metrics, logger)
		if err != nil {
			return err
		}
		defer stop()
	}
	observe := func(p rebuild.Progress) {
		bar.show(p)
		metrics.observe(p)
	}
	p := d.forgetting(ordering, mapping, people.List())
	return do(rebuild.New(s.kafka.Brokers, config, sources, p, indices, rebuild.Options{
		Group: s.group, Sample: s.sample, Force: s.force, Logger: logger, Observe: observe,
		Ready: people.Current, Withhold: withholding(mapping, people.List()),
	}), bar)
}

func openIndices(ctx context.Context, s rebuildSettings, d definition) (view.Indices, error) {
	mapping, err := d.readMapping()
	if err != nil {
		return nil, err
	}
	if len(s.elastic.URLs) > 0 {
		return elastic.OpenIndices(ctx, mapping, s.elastic)
	}
	return embedded.OpenIndices(viewDir(s.data, mapping), mapping, embedded.Options{})
}

// describe writes how the rebuilt index compares with the live one.
func describe(w io.Writer, r rebuild.Report) {
	if r.Records > 0 || r.Took > 0 {
		fmt.Fprintf(w, "%d records in %s\n", r.Records, r.Took.Round(100*time.Millisecond))
	}
	if r.Documents > 0 {
		fmt.Fprintf(w, "live:    %d documents, %d hidden\nrebuilt: %d documents, %d hidden\n",
			r.Live.Visible, r.Live.Hidden, r.Rebuilt.Visible, r.Rebuilt.Hidden)
		fmt.Fprintf(w, "compared %d documents: %d parts are the same, %d are newer than the live index has them, "+
			"%d were told by their owners there; %d documents differ\n",
			r.Documents, r.Parts.Same, r.Parts.Ahead, r.Parts.Healed, r.Different)
	}
	for _, what := range r.Parts.Wrong {
		fmt.Fprintf(w, "  %s\n", what)
	}
}

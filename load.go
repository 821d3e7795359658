package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/indexer"
)

// loadBatch is how many events are sent at once.
const loadBatch = 500

// line is one line of a file of events.
type line struct {
	Topic   string            `json:"topic"`
	Key     string            `json:"key"`
	Headers map[string]string `json:"headers"`
	Value   *string           `json:"value"` // null: a tombstone
}

// load publishes the events in a file, in its order, and returns when all are acknowledged.
func load(ctx context.Context, c console, kafka indexer.Connection, file string) error {
	in, size, err := openEvents(file)
	if err != nil {
		return err
	}
	defer in.Close()

	config, err := openKafka(ctx, kafka)
	if err != nil {
		return err
	}
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1 // what idempotence, and so the order within a key, asks for
	config.Producer.Compression = sarama.CompressionZSTD
	producer, err := sarama.NewSyncProducer(kafka.Brokers, config)
	if err != nil {
		return fmt.Errorf("connect to Kafka at %s (--kafka): %w", strings.Join(kafka.Brokers, ","), err)
	}
	defer producer.Close()

	bar := newProgressBar(c.err, size)
	sent, err := publish(ctx, in, producer, func(sent int) { bar.show(in.read(), sent) })
	if err != nil {
		bar.end()
		return fmt.Errorf("%s: after %d events were published: %w", file, sent, err)
	}
	bar.finish(sent)
	return nil
}

// publish sends the events of in and returns how many were acknowledged.
func publish(ctx context.Context, in io.Reader, p sarama.SyncProducer, progress func(sent int)) (sent int, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), 16<<20)
	var batch []*sarama.ProducerMessage
	flush := func() error {
		if err := p.SendMessages(batch); err != nil {
			return fmt.Errorf("publish: %w", firstOf(err))
		}
		sent += len(batch)
		batch = batch[:0]
		progress(sent)
		return ctx.Err()
	}
	for number := 1; lines.Scan(); number++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		m, err := parseLine(text)
		if err != nil {
			err = errors.Join(fmt.Errorf("line %d: %w", number, err), flush())
			return sent, err
		}
		if batch = append(batch, m); len(batch) == loadBatch {
			if err := flush(); err != nil {
				return sent, err
			}
		}
	}
	if err := lines.Err(); err != nil {
		err = errors.Join(err, flush())
		return sent, err
	}
	err = flush()
	return sent, err
}

// firstOf returns the first of a batch's errors: the others say the same.
func firstOf(err error) error {
	var all sarama.ProducerErrors
	if errors.As(err, &all) && len(all) > 0 {
		return fmt.Errorf("%d events: %w", len(all), all[0].Err)
	}
	return err
}

func parseLine(text []byte) (*sarama.ProducerMessage, error) {
	var l line
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return nil, fmt.Errorf(`not an event {"topic", "key", "headers", "value"}: %w`, err)
	}
	if l.Topic == "" {
		return nil, errors.New("an event without a topic")
	}
	m := &sarama.ProducerMessage{Topic: l.Topic}
	if l.Key != "" {
		m.Key = sarama.StringEncoder(l.Key)
	}
	if l.Value != nil {
		m.Value = sarama.StringEncoder(*l.Value)
	}
	for k, v := range l.Headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(k), Value: []byte(v)})
	}
	return m, nil
}

// events is a file of events, perhaps compressed, that knows how much of it has been read.
type events struct {
	io.Reader
	file  *os.File
	count *countingReader
}

type countingReader struct {
	io.Reader
	n int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += int64(n)
	return n, err
}

func (e *events) Close() error { return e.file.Close() }

// read returns how many bytes of the file itself have been read.
func (e *events) read() int64 { return e.count.n }

// openEvents opens a file of events and tells its size in bytes, 0 where it has none.
func openEvents(name string) (*events, int64, error) {
	file := os.Stdin
	if name != "-" {
		var err error
		if file, err = os.Open(name); err != nil {
			return nil, 0, err
		}
	}
	var size int64
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	count := &countingReader{Reader: file}
	buffered := bufio.NewReader(count)
	e := &events{Reader: buffered, file: file, count: count}
	if magic, err := buffered.Peek(2); err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(buffered)
		if err != nil {
			file.Close()
			return nil, 0, fmt.Errorf("%s: %w", name, err)
		}
		e.Reader = unzipped
	}
	return e, size, nil
}

// progressBar shows how far a long piece of work is, on one line that it writes again and again.
type progressBar struct {
	w     io.Writer
	total int64 // 0: not known
	start time.Time
	shown time.Time
}

func newProgressBar(w io.Writer, total int64) *progressBar {
	return &progressBar{w: w, total: total, start: time.Now()}
}

// show draws the bar, a few times a second at most.
func (b *progressBar) show(done int64, events int) {
	if time.Since(b.shown) < 200*time.Millisecond {
		return
	}
	b.shown = time.Now()
	rate := float64(events) / time.Since(b.start).Seconds()
	if b.total == 0 {
		fmt.Fprintf(b.w, "\r%9d events, %.0f a second ", events, rate)
		return
	}
	const width = 30
	share := min(1, float64(done)/float64(b.total))
	full := int(share * width)
	left := time.Duration(float64(time.Since(b.start)) * (1 - share) / max(share, 0.001)).Round(time.Second)
	fmt.Fprintf(b.w, "\r[%s%s] %3.0f %%  %d events, %.0f a second, %s left   ",
		strings.Repeat("#", full), strings.Repeat(".", width-full), share*100, events, rate, left)
}

// end ends the line with what it shows, if it shows anything.
func (b *progressBar) end() {
	if !b.shown.IsZero() {
		fmt.Fprintln(b.w)
	}
}

// finish says on the line how it came out, and ends it.
func (b *progressBar) finish(events int) {
	took := time.Since(b.start)
	fmt.Fprintf(b.w, "\r%-79s\n", fmt.Sprintf("%d events published in %s, %.0f a second",
		events, took.Round(time.Millisecond), float64(events)/took.Seconds()))
}

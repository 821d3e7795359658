package rebuild

import (
	"context"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/retry"
)

// Lag tells whether the indexers of an index have come to where its topics end, by what they have committed.
type Lag struct {
	log   *eventLog
	group string
}

// passPatience is how long Passed waits: a few times as long as an indexer takes to commit.
const passPatience = 5 * time.Second

// OpenLag connects to the topics of the sources, for an index that this consumer group fills (see Group).
func OpenLag(brokers []string, config *sarama.Config, sources []event.Source, group string) (*Lag, error) {
	var topics []string
	for _, s := range sources {
		topics = append(topics, s.Topic)
	}
	log, err := openLog(brokers, config, topics)
	if err != nil {
		return nil, err
	}
	return &Lag{log, group}, nil
}

// Passed waits until the index has all events that are in the topics at the call, for 5 seconds at most, and reports
// whether it has. Indexers commit past offsets that have no record, too, as a transaction leaves them.
func (l *Lag) Passed(ctx context.Context) (bool, error) {
	ends, err := l.log.ends()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, passPatience)
	defer cancel()
	for {
		at, err := l.log.committed(l.group)
		if err != nil || at.missing(ends) == 0 {
			return err == nil, err
		}
		if !retry.Wait(ctx, pause) {
			return false, nil
		}
	}
}

// Close ends the connection.
func (l *Lag) Close() error { return l.log.close() }

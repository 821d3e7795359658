package main

import (
	"cmp"
	"context"
	"math"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/feed/broker"
	"github.com/viewgate/viewgate/view"
)

// feeds are a process's ends of a view's feed. In one that does both over an embedded store the indexer publishes to the
// gateway's Hub. Over Elasticsearch other processes do the same work, so all indexers publish to a topic, and all gateways
// follow it.
type feeds struct {
	publisher feed.Publisher    // what an indexer publishes to; nil in a gateway
	topic     *broker.Publisher // the same, where it is the topic; else nil
	hub       *feed.Hub         // what a gateway knows; nil in an indexer
	follower  *broker.Follower  // what tells the hub of the topic; nil where the indexer does, or nobody
	log       *broker.Log       // where the topics end; nil in an indexer, and where there is no Kafka
}

// openFeeds prepares the ends of the view's feed that the role has. Nothing is connected to yet. A nil config says that there
// is no Kafka.
func (v *served) openFeeds(ctx context.Context, s settings, config *sarama.Config, target view.Index) error {
	name := cmp.Or(s.feedPrefix, s.elastic.Prefix) + v.name + ".feed"
	if s.role != roleIndexer {
		id, err := target.ID(ctx)
		if err != nil {
			return err
		}
		v.feeds.hub = feed.NewHub()
		v.feeds.hub.Follow(id)
		if config != nil {
			v.feeds.log = broker.NewLog(s.kafka.Brokers, config, topicsOf(v.sources), v.logger)
		} else {
			v.logger.Warn("without --kafka nobody tells this gateway how far the view is: what is to be fresher than the view " +
				"is asked of the owners")
		}
		if v.elastic != nil && config != nil {
			v.feeds.follower = broker.NewFollower(s.kafka.Brokers, config, name, v.logger)
		}
	}
	switch {
	case s.role == roleGateway:
	case v.elastic == nil:
		v.feeds.publisher = v.feeds.hub
	default:
		v.feeds.topic = broker.NewPublisher(s.kafka.Brokers, config, name, v.logger)
		v.feeds.publisher = v.feeds.topic
	}
	return nil
}

func topicsOf(sources []event.Source) (topics []string) {
	for _, s := range sources {
		topics = append(topics, s.Topic)
	}
	return topics
}

// hear keeps the hub up to date until ctx ends.
func (f *feeds) hear(ctx context.Context) {
	var work sync.WaitGroup
	if f.follower != nil {
		work.Go(func() { f.follower.Run(ctx, f.hub) })
	}
	if f.log != nil {
		work.Go(func() { f.log.Observe(ctx, f.hub) })
	}
	work.Wait()
}

// whileTelling runs an indexer while what it tells is published, which ends later.
func (f *feeds) whileTelling(ctx context.Context, index func(context.Context) error) error {
	if f.topic == nil {
		return index(ctx)
	}
	telling, stop := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	work.Go(func() { f.topic.Run(telling) })
	defer work.Wait()
	defer stop()
	return index(ctx)
}

// close ends what openFeeds has prepared, when nothing runs any more.
func (f *feeds) close() error {
	if f.log == nil {
		return nil
	}
	return f.log.Close()
}

// register adds the feed's metrics.
func (f *feeds) register(r prometheus.Registerer) {
	counter := func(name, help string, value func() uint64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "viewgate", Name: name, Help: help},
			func() float64 { return float64(value()) }))
	}
	if f.topic != nil {
		counter("feed_published_total", "Messages that the feed's topic has acknowledged.", f.topic.Acknowledged)
	}
	if f.hub == nil {
		return
	}
	counter("feed_news_total", "News of indices that this gateway was told.", f.hub.Told)
	r.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "viewgate", Name: "feed_listeners", Help: "Who listens to what changes in the view.",
		}, func() float64 { return float64(f.hub.Listeners()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "viewgate", Name: "gateway_lag_seconds",
			Help: "Age of the newest ends of the topics that the view has passed, as this gateway knows; NaN: not known.",
		}, func() float64 {
			lag, known := f.hub.Lag(time.Now())
			if !known {
				return math.NaN()
			}
			return lag.Seconds()
		}))
}

// progress is what a gateway's reader asks how far the view is. Its log is not nil.
type progress struct {
	*feed.Hub
	log *broker.Log
}

// Lag implements compose.Progress.
func (p progress) Lag() (lag time.Duration, known bool) { return p.Hub.Lag(time.Now()) }

// Ends implements compose.Progress.
func (p progress) Ends(ctx context.Context) (feed.Positions, error) { return p.log.Ends(ctx) }

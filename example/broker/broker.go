// Package broker is an example, not a part of viewgate: a Kafka broker inside the process, for the demo and for tests, so
// that neither needs anything installed. It speaks Kafka's protocol over loopback, so its clients are the same as with a
// real one. It is meant for one machine: it has one node, no replication and no authentication.
//
// It is franz-go's kfake with what a log that must not be lost needs around it: a lock on the directory, topics that
// exist before their first client, and no retention.
package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
)

// DefaultAddr is where the broker listens if Options do not say.
const DefaultAddr = "127.0.0.1:9092"

// DefaultPartitions is how many partitions a new topic has if Options do not say.
const DefaultPartitions = 6

// DeadLetterSuffix is what a topic's dead letter topic has behind its name.
const DeadLetterSuffix = ".dlq"

// Options configure a broker. The zero Options have no topics and keep everything in memory.
type Options struct {
	// Addr is the address to listen on; "" is DefaultAddr. Port 0 is any free one. Clients are told to come to this very
	// address, so it must name an interface: 0.0.0.0 is refused.
	Addr string
	// FallbackPort lets the broker listen on another free port where Addr's is taken. It is for a default that nobody
	// has asked for.
	FallbackPort bool
	// Dir is where the log is kept; "": in memory. Records are in the page cache when they are acknowledged, as Kafka's
	// are: they survive a crash of the process, not one of the machine. One broker at a time uses a directory.
	Dir string
	// Topics are made if they are missing, each with its dead letter topic. No other topic comes into being by being
	// named; clients make those that they want.
	Topics []string
	// Partitions is how many a new topic has; 0: DefaultPartitions. Topics that are there keep what they have.
	Partitions int32
	// Log gets the broker's warnings; nil: slog.Default().
	Log *slog.Logger
}

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	addr    string
	lock    *lock // nil in memory
	close   sync.Once
	err     error // of Close
}

// forever are a topic's settings that keep each of its records. They are set on every topic because one topic with a
// limit of its own makes the broker apply its default limit, seven days, to all that have none.
var forever = map[string]string{"retention.ms": "-1", "retention.bytes": "-1"}

// Start runs a broker until Close. A directory that is in use is an *InUseError.
func Start(options Options) (*Broker, error) {
	if options.Addr == "" {
		options.Addr = DefaultAddr
	}
	if options.Partitions == 0 {
		options.Partitions = DefaultPartitions
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	b := &Broker{}
	settings := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID("viewgate-example"),
		kfake.DefaultNumPartitions(int(options.Partitions)),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) { return listen(network, options) }),
		kfake.WithLogger(logger{options.Log}),
		// The default of topics that clients make.
		kfake.BrokerConfigs(map[string]string{"log.retention.ms": "-1", "log.retention.bytes": "-1"}),
	}
	if options.Dir != "" {
		var err error
		if b.lock, err = lockDir(options.Dir); err != nil {
			return nil, fmt.Errorf("broker: %w", err)
		}
		settings = append(settings, kfake.DataDir(filepath.Join(options.Dir, "log")))
	}
	cluster, err := kfake.NewCluster(settings...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("broker: %w", err), b.lock.release())
	}
	b.cluster = cluster
	b.addr = cluster.ListenAddrs()[0]
	for _, topic := range options.Topics {
		for _, name := range []string{topic, topic + DeadLetterSuffix} {
			if cluster.TopicInfo(name) != nil {
				continue
			}
			if err := cluster.CreateTopic(name, options.Partitions, forever); err != nil {
				return nil, errors.Join(fmt.Errorf("broker: topic %s: %w", name, err), b.Close())
			}
		}
	}
	return b, nil
}

// listen opens the broker's port.
func listen(network string, options Options) (net.Listener, error) {
	host, _, err := net.SplitHostPort(options.Addr)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return nil, fmt.Errorf("address %q names no interface that clients can come to", options.Addr)
	}
	listener, err := net.Listen(network, options.Addr)
	if err != nil && options.FallbackPort && isInUse(err) {
		options.Log.Warn("broker's port is taken; another one is used", "addr", options.Addr)
		return net.Listen(network, net.JoinHostPort(host, "0"))
	}
	return listener, err
}

// Addr returns the address that clients connect to, as host:port.
func (b *Broker) Addr() string { return b.addr }

// Close stops the broker, writes out what it keeps, and frees the directory. Calls after the first do nothing more.
func (b *Broker) Close() error {
	b.close.Do(func() {
		b.cluster.Close()
		b.err = b.lock.release()
	})
	return b.err
}

// logger hands the broker's warnings and errors to slog; what else it says is about each request.
type logger struct{ log *slog.Logger }

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.log.Error("broker", "message", fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		l.log.Warn("broker", "message", fmt.Sprintf(format, args...))
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/indexer"
)

// openKafka returns the client configuration for a connection, having tried it. With indexer.ErrUnreachable it returns
// the configuration, too: who can wait for Kafka may use it.
func openKafka(ctx context.Context, c indexer.Connection) (*sarama.Config, error) {
	config, err := c.Config()
	if err != nil {
		return nil, fmt.Errorf("connection to Kafka (--kafka-…): %w", err)
	}
	if err := indexer.Check(ctx, c.Brokers, config); err != nil {
		return config, fmt.Errorf("connect to Kafka at %s (--kafka, --kafka-…): %w", strings.Join(c.Brokers, ","), err)
	}
	return config, nil
}

// waitableKafka returns the client configuration for a connection that is waited for: brokers that cannot be reached now
// are worth a warning, all else that is wrong is an error.
func waitableKafka(ctx context.Context, c indexer.Connection, logger *slog.Logger) (*sarama.Config, error) {
	config, err := openKafka(ctx, c)
	if errors.Is(err, indexer.ErrUnreachable) {
		logger.Warn("Kafka cannot be reached; it is waited for", "error", err)
		err = nil
	}
	if c.Mechanism == sarama.SASLTypePlaintext && !c.Secure() {
		logger.Warn("the password goes to Kafka for all the network to read: set --kafka-tls", "mechanism", c.Mechanism)
	}
	return config, err
}

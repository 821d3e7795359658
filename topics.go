package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/goccy/go-yaml"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/view"
)

// topics is what the configuration file says; viewgate.example.yaml explains it.
type topics struct {
	Topics []topic `yaml:"topics"`
}

type topic struct {
	Name      string          `yaml:"name"`
	Aggregate event.Aggregate `yaml:"aggregate"`
	Format    event.Format    `yaml:"format"`
	Versions  view.Ordering   `yaml:"versions"`
	Debezium  struct {
		ID      string `yaml:"id"`
		Type    string `yaml:"type"`
		Version string `yaml:"version"`
		Time    string `yaml:"time"`
		Payload string `yaml:"payload"`
	} `yaml:"debezium"`
}

// readTopics reads a configuration file: the sources, and what each aggregate's topic promises of its versions. Without
// a file they are food to go's topics, whose versions are contiguous. A key that it does not know is an error.
func readTopics(file string) ([]event.Source, map[event.Aggregate]view.Ordering, error) {
	if file == "" {
		return event.DefaultSources(), nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("--config: %w", err)
	}
	var t topics
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&t); err != nil {
		return nil, nil, fmt.Errorf("--config %s: %s", file, yaml.FormatError(err, false, true))
	}
	if len(t.Topics) == 0 {
		return nil, nil, fmt.Errorf("--config %s: it names no topics", file)
	}
	var sources []event.Source
	ordering := map[event.Aggregate]view.Ordering{}
	for _, topic := range t.Topics {
		switch topic.Versions {
		case "", view.Contiguous, view.Rising:
		default:
			return nil, nil, fmt.Errorf("--config %s: topic %s: versions: %q is neither %s nor %s",
				file, topic.Name, topic.Versions, view.Contiguous, view.Rising)
		}
		if o, ok := ordering[topic.Aggregate]; ok && o != topic.Versions {
			return nil, nil, fmt.Errorf("--config %s: topics of %s differ in their versions", file, topic.Aggregate)
		}
		ordering[topic.Aggregate] = topic.Versions
		sources = append(sources, event.Source{
			Topic: topic.Name, Aggregate: topic.Aggregate, Format: topic.Format,
			Debezium: event.DebeziumFields(topic.Debezium),
		})
	}
	if _, err := event.NewDecoder(sources); err != nil {
		return nil, nil, fmt.Errorf("--config %s: %w", file, err)
	}
	return sources, ordering, nil
}

package faults

import (
	"fmt"
	"testing"
	"time"

	"github.com/viewgate/viewgate/bench/lab"
)

// realTrial returns a trial on real backends, whose indexers are processes that use Elasticsearch through a proxy which
// does so much harm.
func realTrial(t *testing.T, harm int) (*trial, *lab.Backends, lab.Indexer) {
	backends := lab.FindBackends(t)
	prefix := lab.NewPrefix(t, backends.Elasticsearch)
	x := newTrial(t, *seed, backends.Kafka, backends.Elasticsearch, prefix)
	url := backends.Elasticsearch
	if harm > 0 {
		url = startProxy(t, newFaulty(t, *seed, harm), url)
	}
	return x, backends, lab.Indexer{
		Brokers: x.log.Brokers, Sources: x.log.Sources, Group: x.group, Elasticsearch: url, Prefix: prefix,
		BatchEvents: 200, MetadataRefresh: time.Second, Session: 6 * time.Second,
	}
}

// works waits until an indexer has done so many more events.
func (t *trial) works(p *lab.Process, events int) {
	t.Helper()
	before, err := p.Counts()
	if err != nil {
		t.Fatal(err)
	}
	lab.Eventually(t, time.Minute, func() error {
		now, err := p.Counts()
		if err == nil && now.Events < before.Events+events {
			err = fmt.Errorf("%d events are done, after %d, want %d more", now.Events, before.Events, events)
		}
		return err
	})
}

// TestKilledIndexer kills the indexer while it writes, again and again.
func TestKilledIndexer(t *testing.T) {
	t.Parallel()
	trial, _, x := realTrial(t, 0)
	for range *kills {
		p := x.Start(t)
		trial.publish(400)
		trial.works(p, 1+trial.r.IntN(2000))
		p.Kill()
	}
	x.Start(t)
	trial.holds(4 * time.Minute)
}

// TestIndexersJoinAndLeave has two or three indexers at work, which join, leave, and are killed, while Elasticsearch fails
// now and then.
func TestIndexersJoinAndLeave(t *testing.T) {
	t.Parallel()
	trial, _, x := realTrial(t, 20)
	running := []*lab.Process{x.Start(t), x.Start(t)}
	for range *kills {
		trial.publish(200)
		running = append(running, x.Start(t))
		trial.publish(100)
		i := trial.r.IntN(len(running))
		if trial.r.IntN(2) == 0 {
			running[i].Kill()
		} else {
			running[i].Stop(t)
		}
		running = append(running[:i], running[i+1:]...)
	}
	trial.holds(4 * time.Minute)
}

// TestAddedPartitions moves orders to other partitions while they are under way, with two indexers at work.
func TestAddedPartitions(t *testing.T) {
	t.Parallel()
	trial, _, x := realTrial(t, 0)
	trial.moves = true
	x.Start(t)
	x.Start(t)
	trial.publish(100)
	trial.log.AddPartitions(t, 7, lab.Aggregates...)
	trial.publish(100)
	trial.holds(4 * time.Minute)
}

// TestKilledBackends kills Elasticsearch, and Kafka, while the indexer writes, and starts them again.
func TestKilledBackends(t *testing.T) {
	for _, which := range []string{"es", "kafka"} {
		t.Run(which, func(t *testing.T) {
			trial, backends, x := realTrial(t, 0)
			if !backends.Mortal() {
				t.Skip("the backends are not for this test alone; make faults starts such ones")
			}
			p := x.Start(t)
			for range max(1, *kills/4) {
				trial.publish(400)
				trial.works(p, 1+trial.r.IntN(500))
				backends.Kill(t, which)
				if which == "es" {
					trial.publish(50) // the log goes on
				}
				backends.Restart(t, which)
				trial.publish(50)
				lab.Eventually(t, 2*time.Minute, func() error { return trial.log.Committed(trial.group) })
				if p.Ended() {
					t.Fatal("the indexer has stopped, rather than waited for what it uses")
				}
			}
			trial.holds(4 * time.Minute)
		})
	}
}

package forgotten

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

const topicName = "viewgate-forgotten"

func newCluster(t *testing.T, o ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(append(o, kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// follow returns a topic that is followed until the test ends.
func follow(t *testing.T, cluster *kfake.Cluster) *Topic {
	t.Helper()
	config := sarama.NewConfig()
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	topic := Open(cluster.ListenAddrs(), config, topicName, slog.New(slog.NewTextHandler(t.Output(), nil)))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { topic.Follow(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return topic
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func read(t *testing.T, topic *Topic, want ...string) {
	t.Helper()
	if err := topic.Read(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := topic.Current(within(t)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, id := range []string{"1", "2", "3", "4"} {
		if _, ok := topic.List().Pseudonym(id); ok {
			got = append(got, id)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("forgotten (-want +got):\n%s", diff)
	}
}

// TestTopic: who is added by one process is known to all others when their Read returns, also to one that comes later.
func TestTopic(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	a, b := follow(t, cluster), follow(t, cluster)
	read(t, a)
	if cluster.TopicInfo(topicName) != nil {
		t.Error("who reads creates the topic")
	}
	for _, step := range []struct {
		ids   []string
		added int
		want  []string
	}{{[]string{"3"}, 1, []string{"3"}}, {[]string{"3"}, 0, []string{"3"}}, {[]string{"1", "3", "4"}, 2, []string{"1", "3", "4"}}} {
		added, err := a.Add(within(t), step.ids)
		if err != nil || added != step.added {
			t.Fatalf("added %d of %v, %v", added, step.ids, err)
		}
		read(t, a, step.want...)
		read(t, b, step.want...)
	}
	read(t, follow(t, cluster), "1", "3", "4")
	one, _ := a.List().Pseudonym("1")
	if other, _ := b.List().Pseudonym("1"); one != other {
		t.Errorf("1 is %s and %s", one, other)
	}
	info := cluster.TopicInfo(topicName)
	if kept := info.Configs["retention.ms"]; kept == nil || *kept != "-1" || cluster.PartitionInfo(topicName, 1) != nil {
		t.Errorf("the topic is %+v", info)
	}
}

// TestFirstAtOnce: of several who add somebody to a list that nobody has begun, all mean the same list.
func TestFirstAtOnce(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	ids := []string{"1", "2", "3", "4"}
	var adding errgroup.Group
	for _, id := range ids {
		topic := follow(t, cluster)
		adding.Go(func() error {
			_, err := topic.Add(within(t), []string{id})
			return err
		})
	}
	if err := adding.Wait(); err != nil {
		t.Fatal(err)
	}
	read(t, follow(t, cluster), ids...)
}

// TestNotReadable: a list that may not be looked at, is cut off, or says what is not understood, is not one of nobody.
func TestNotReadable(t *testing.T) {
	t.Parallel()
	hold := func(t *testing.T, topic *Topic) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*lookInterval)
		defer cancel()
		if err := topic.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Read: %v", err)
		}
	}
	t.Run("forbidden", func(t *testing.T) {
		t.Parallel()
		cluster := newCluster(t)
		cluster.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			request := r.(*kmsg.MetadataRequest)
			if len(request.Topics) == 0 {
				return nil, nil, false
			}
			response := request.ResponseKind().(*kmsg.MetadataResponse)
			for _, asked := range request.Topics {
				one := kmsg.NewMetadataResponseTopic()
				one.Topic, one.ErrorCode = asked.Topic, kerr.TopicAuthorizationFailed.Code
				response.Topics = append(response.Topics, one)
			}
			return response, nil, true
		})
		hold(t, follow(t, cluster))
	})
	t.Run("cut off", func(t *testing.T) {
		t.Parallel()
		cluster := newCluster(t)
		topic := follow(t, cluster)
		if _, err := topic.Add(within(t), []string{"3"}); err != nil {
			t.Fatal(err)
		}
		admin, err := sarama.NewClusterAdmin(cluster.ListenAddrs(), sarama.NewConfig())
		if err != nil {
			t.Fatal(err)
		}
		defer admin.Close()
		if err := admin.DeleteRecords(topicName, map[int32]int64{0: 1}); err != nil {
			t.Fatal(err)
		}
		hold(t, topic)
		hold(t, follow(t, cluster))
		if _, ok := topic.List().Pseudonym("3"); !ok {
			t.Error("what was known is forgotten, too")
		}
	})
	t.Run("another version's", func(t *testing.T) {
		t.Parallel()
		cluster := newCluster(t, kfake.SeedTopics(1, topicName))
		topic := follow(t, cluster)
		if err := topic.send(entry{Mark: "?"}); err != nil {
			t.Fatal(err)
		}
		hold(t, topic)
	})
	t.Run("not kept", func(t *testing.T) {
		t.Parallel()
		cluster := newCluster(t)
		admin, err := sarama.NewClusterAdmin(cluster.ListenAddrs(), sarama.NewConfig())
		if err != nil {
			t.Fatal(err)
		}
		defer admin.Close()
		week := "604800000"
		if err := admin.CreateTopic(topicName, &sarama.TopicDetail{
			NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &week},
		}, false); err != nil {
			t.Fatal(err)
		}
		if _, err := follow(t, cluster).Add(within(t), []string{"3"}); err == nil {
			t.Error("somebody is put on a list that ends after a week")
		}
	})
}

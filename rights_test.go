package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/feed"
	feedbroker "github.com/viewgate/viewgate/feed/broker"
	"github.com/viewgate/viewgate/indexer"
)

// documentedRights returns the rights that the commands in doc/security.md give each user, of these topics.
func documentedRights(t *testing.T, topics []string) map[string][]kfake.ACL {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("doc", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	operations := map[string]kmsg.ACLOperation{
		"Read": kmsg.ACLOperationRead, "Write": kmsg.ACLOperationWrite, "Create": kmsg.ACLOperationCreate,
		"Describe": kmsg.ACLOperationDescribe, "Delete": kmsg.ACLOperationDelete, "DescribeConfigs": kmsg.ACLOperationDescribeConfigs,
	}
	rights := map[string][]kfake.ACL{}
	for _, command := range regexp.MustCompile(`(?m)^kafka-acls --add (.*)$`).FindAllStringSubmatch(string(text), -1) {
		var user string
		var granted []kmsg.ACLOperation
		acl := kfake.ACL{Pattern: kmsg.ACLResourcePatternTypeLiteral, Allow: true}
		arguments := strings.Fields(command[1])
		for i := 0; i+1 < len(arguments); i += 2 {
			switch value := arguments[i+1]; arguments[i] {
			case "--allow-principal":
				user = strings.TrimPrefix(value, "User:")
			case "--operation":
				if operations[value] == 0 {
					t.Fatalf("%s: the operation %s", command[0], value)
				}
				granted = append(granted, operations[value])
			case "--resource-pattern-type":
				acl.Pattern = kmsg.ACLResourcePatternTypePrefixed
			case "--topic":
				acl.Resource, acl.Name = kmsg.ACLResourceTypeTopic, value
			case "--group":
				acl.Resource, acl.Name = kmsg.ACLResourceTypeGroup, value
			default:
				t.Fatalf("%s: %s is not understood", command[0], arguments[i])
			}
		}
		names := []string{acl.Name}
		if strings.HasPrefix(acl.Name, "TOPIC") {
			names = nil
			for _, topic := range topics {
				names = append(names, topic+strings.TrimPrefix(acl.Name, "TOPIC"))
			}
		}
		for _, name := range names {
			for _, operation := range granted {
				acl.Name, acl.Operation = name, operation
				rights[user] = append(rights[user], acl)
			}
		}
	}
	return rights
}

// guardedKafka is a broker that asks everybody who they are, and lets them do what they may.
func guardedKafka(t *testing.T) (as func(user string) map[string]string) {
	t.Helper()
	var topics []string
	for _, s := range event.DefaultSources() {
		topics = append(topics, s.Topic)
	}
	options := []kfake.Opt{
		kfake.NumBrokers(1), kfake.SeedTopics(1, topics...), kfake.EnableACLs(), kfake.Superuser("PLAIN", "owner", "secret"),
		kfake.User("PLAIN", "nobody", "secret"),
	}
	for user, all := range documentedRights(t, topics) {
		options = append(options, kfake.User("PLAIN", user, "secret", all...))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return func(user string) map[string]string {
		return map[string]string{
			"KAFKA_BROKERS": strings.Join(cluster.ListenAddrs(), ","), "KAFKA_SASL": "PLAIN", "KAFKA_USER": user, "KAFKA_PASSWORD": "secret",
		}
	}
}

// TestKafkaRights: each role does all of its work with the rights that doc/security.md gives it.
func TestKafkaRights(t *testing.T) {
	as := guardedKafka(t)
	topic := event.DefaultSources()[0].Topic
	bad := filepath.Join(t.TempDir(), "bad.jsonl")
	if err := os.WriteFile(bad, []byte(`{"topic": "`+topic+`", "key": "7", "value": "no text"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	finish(t, 0, as("owner"), "load", filepath.Join("event", "testdata", "orders.jsonl"))
	finish(t, 0, as("owner"), "load", bad)
	data := t.TempDir()
	serving := start(t, as("indexer"), "serve", "--addr", "127.0.0.1:0", "--data", data)
	serving.waitForURL()
	serving.eventually(func() error {
		var page orderPage
		if _, err := serving.query(&page, pageQuery, map[string]any{"first": 100}); err != nil {
			return err
		}
		if out, _ := finish(t, 0, as("dlq"), "dlq", "list"); len(page.OrderHistory.Nodes) == 0 || !strings.Contains(out, topic) {
			return fmt.Errorf("%d orders, dead letters\n%s", len(page.OrderHistory.Nodes), out)
		}
		return nil
	})
	if code := serving.stop(); code != 0 {
		t.Errorf("the indexer exits with %d", code)
	}
	if out, _ := finish(t, 0, as("dlq"), "dlq", "replay", "--force"); !strings.Contains(out, "1 replayed") {
		t.Errorf("replay says\n%s", out)
	}
	finish(t, 0, as("rebuild"), "rebuild", "orders", "--data", data)
	finish(t, 0, as("rebuild"), "rollback", "orders", "--data", data)
	for range 2 { // the second time the list is there
		finish(t, 0, as("forget"), "forget", "consumer", "1", "--data", data)
	}
	for _, action := range [][]string{{"dlq", "list"}, {"rebuild", "orders", "--data", data}, {"serve", "--addr", "127.0.0.1:0", "--data", t.TempDir()}} {
		p := start(t, as("nobody"), action...)
		p.eventually(func() error {
			select {
			case <-p.exited:
				return nil
			default:
			}
			if strings.Contains(strings.ToLower(p.err.String()), "authorized") {
				return nil
			}
			return fmt.Errorf("%q goes on without any right: %s", action, &p.err)
		})
	}
}

// TestKafkaRightsOfFeeds: an indexer tells and a gateway hears, with the rights that doc/security.md gives them.
func TestKafkaRightsOfFeeds(t *testing.T) {
	as := guardedKafka(t)
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	connect := func(user string) ([]string, *sarama.Config) {
		env := as(user)
		c := indexer.Connection{Brokers: []string{env["KAFKA_BROKERS"]}, Mechanism: "PLAIN", User: user, Password: "secret"}
		config, err := c.Config()
		if err != nil {
			t.Fatal(err)
		}
		return c.Brokers, config
	}
	ctx, cancel := context.WithCancel(t.Context())
	brokers, config := connect("indexer")
	tells := feedbroker.NewPublisher(brokers, config, "viewgate-orders.feed", logger)
	var running sync.WaitGroup // what goes on until the end writes to the test's log
	defer running.Wait()
	defer cancel()
	running.Go(func() { tells.Run(ctx) })
	brokers, config = connect("gateway")
	hub := feed.NewHub()
	hub.Follow("index")
	heard := hub.Listen()
	defer heard.Close()
	running.Go(func() { feedbroker.NewFollower(brokers, config, "viewgate-orders.feed", logger).Run(ctx, hub) })
	waiting, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	if _, err := heard.Next(waiting); err != nil { // that it begins
		t.Fatal(err)
	}
	var topics []string
	for _, s := range event.DefaultSources() {
		topics = append(topics, s.Topic)
	}
	log := feedbroker.NewLog(brokers, config, topics, logger)
	defer log.Close()
	if ends, err := log.Ends(waiting); err != nil || len(ends) != len(topics) {
		t.Errorf("the gateway sees that topics end at %v, %v", ends, err)
	}
	tells.Publish(feed.News{Index: "index", Changed: []string{"1"}}, nil)
	if batch, err := heard.Next(waiting); err != nil || len(batch.IDs) != 1 {
		t.Fatalf("the gateway hears %v, %v", batch, err)
	}
}

// TestKafkaRightsToCount: who answers queries may count dead letters, and a topic that is hidden is not taken for one that is not there.
func TestKafkaRightsToCount(t *testing.T) {
	as := guardedKafka(t)
	topic := event.DefaultSources()[0].Topic
	for user, may := range map[string]bool{"gateway": true, "indexer": true, "owner": true, "nobody": false} {
		c := indexer.Connection{Brokers: []string{as(user)["KAFKA_BROKERS"]}, Mechanism: "PLAIN", User: user, Password: "secret"}
		config, err := c.Config()
		if err != nil {
			t.Fatal(err)
		}
		counter := deadletter.NewCounter(c.Brokers, config, []string{topic}, 10)
		n, err := counter.Count(t.Context())
		if (err == nil) != may || !may && !errors.Is(err, sarama.ErrTopicAuthorizationFailed) {
			t.Errorf("%s counts %d: %v", user, n.Letters, err)
		}
		if err := counter.Close(); err != nil {
			t.Error(err)
		}
	}
}

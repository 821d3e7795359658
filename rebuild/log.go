package rebuild

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/retry"
)

// eventLog asks Kafka how far topics go, and how far groups are in them.
type eventLog struct {
	topics []string
	client sarama.Client
	admin  sarama.ClusterAdmin
}

func openLog(brokers []string, config *sarama.Config, topics []string) (*eventLog, error) {
	client, err := sarama.NewClient(brokers, config)
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to Kafka: %w", err), client.Close())
	}
	return &eventLog{topics, client, admin}, nil
}

// close ends the connections; the admin's is the client's.
func (l *eventLog) close() error { return l.client.Close() }

// partitions returns the topics' partitions.
func (l *eventLog) partitions() (map[string][]int32, error) {
	all := map[string][]int32{}
	for _, topic := range l.topics {
		numbers, err := l.client.Partitions(topic)
		if err != nil {
			return nil, fmt.Errorf("topic %s: %w", topic, err)
		}
		all[topic] = numbers
	}
	return all, nil
}

// oldest returns the offsets of the oldest records that are still there.
func (l *eventLog) oldest() (positions, error) { return l.offsets(sarama.OffsetOldest) }

// ends returns the offsets behind the newest records that no open transaction holds back.
func (l *eventLog) ends() (positions, error) { return l.offsets(sarama.OffsetNewest) }

func (l *eventLog) offsets(at int64) (positions, error) {
	all, err := l.partitions()
	if err != nil {
		return nil, err
	}
	asked := map[string]map[int32]int64{}
	for topic, numbers := range all {
		asked[topic] = map[int32]int64{}
		for _, number := range numbers {
			asked[topic][number] = at
		}
	}
	answer, err := l.admin.ListOffsets(asked, &sarama.ListOffsetsOptions{IsolationLevel: sarama.ReadCommitted})
	if err != nil {
		return nil, fmt.Errorf("offsets of %v: %w", l.topics, err)
	}
	found := positions{}
	for topic, numbers := range all {
		for _, number := range numbers {
			one := answer[topic][number]
			if one == nil {
				return nil, fmt.Errorf("offsets of %s/%d: %w", topic, number, sarama.ErrIncompleteResponse)
			}
			if one.Err != nil && !errors.Is(one.Err, sarama.ErrNoError) {
				return nil, fmt.Errorf("offsets of %s/%d: %w", topic, number, one.Err)
			}
			found[partition{topic, number}] = one.Offset
		}
	}
	return found, nil
}

// committed returns where a group goes on. A partition that it has committed nothing of is not in it.
func (l *eventLog) committed(group string) (positions, error) {
	all, err := l.partitions()
	if err != nil {
		return nil, err
	}
	answer, err := l.admin.ListConsumerGroupOffsets(group, all)
	if errors.Is(err, sarama.ErrGroupIDNotFound) {
		return positions{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("offsets of group %s: %w", group, err)
	}
	found := positions{}
	for topic, numbers := range all {
		for _, number := range numbers {
			block := answer.GetBlock(topic, number)
			switch {
			case block == nil:
			case block.Err != sarama.ErrNoError:
				return nil, fmt.Errorf("offset of group %s in %s/%d: %w", group, topic, number, block.Err)
			case block.Offset >= 0:
				found[partition{topic, number}] = block.Offset
			}
		}
	}
	return found, nil
}

// members returns how many processes belong to a group. One that was killed does until its session times out.
func (l *eventLog) members(group string) (int, error) {
	answer, err := l.admin.DescribeConsumerGroups([]string{group})
	if err != nil {
		return 0, fmt.Errorf("group %s: %w", group, err)
	}
	n := 0
	for _, g := range answer {
		if g.Err != sarama.ErrNoError && g.Err != sarama.ErrGroupIDNotFound {
			return 0, fmt.Errorf("group %s: %w", group, g.Err)
		}
		n += len(g.Members)
	}
	return n, nil
}

// alone waits until a group has no members, for so long at most, and returns how many it has then.
func (l *eventLog) alone(ctx context.Context, group string, patience time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		n, err := l.members(group)
		if err != nil || n == 0 || !retry.Wait(ctx, pause) {
			return n, err
		}
	}
}

// forget deletes a group with its offsets. It must have no members.
func (l *eventLog) forget(group string) error {
	err := l.admin.DeleteConsumerGroup(group)
	if err != nil && !errors.Is(err, sarama.ErrGroupIDNotFound) {
		return fmt.Errorf("delete group %s: %w", group, err)
	}
	return nil
}

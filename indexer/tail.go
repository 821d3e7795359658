package indexer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"
)

// A partition may end in offsets without records for its readers: the markers of transactions, the records of aborted ones,
// and what compaction took away. The consumer never hands these over, so a claim that has all records would never come to
// the end. What follows passes them, on the proof of a fetch.

// maxFetches bounds how often a partition is fetched from in one look.
const maxFetches = 16

// passTails moves claims that stand still before the ends of their partitions past offsets without records.
func (h *handler) passTails(ends map[partition]int64) {
	s := h.session
	for part, end := range ends {
		t := s.trackers[part]
		at, idle := t.idle()
		still := idle && at < end && s.still[part] == at
		s.still[part] = at
		if !still {
			continue
		}
		next, err := passTail(h.watch, part, at, end)
		if err != nil {
			h.indexer.options.Logger.Debug("whether records are left is not known", "topic", part.Topic,
				"partition", part.Number, "offset", at, "error", err)
		}
		t.pass(at, next)
	}
}

// passTail returns the first offset from at on that may have a record, end or more if there is none before the end. What
// it learned before an error holds.
func passTail(client sarama.Client, part partition, at, end int64) (int64, error) {
	for range maxFetches {
		block, err := fetch(client, part, at)
		if err != nil {
			return at, fmt.Errorf("fetch from %s/%d at %d: %w", part.Topic, part.Number, at, err)
		}
		next := firstRecord(block, at)
		if next == at || next >= end {
			return next, nil
		}
		at = next
	}
	return at, nil
}

// fetch fetches what there is now. With a single partition in the request, Kafka gives one batch at least if there is one.
func fetch(client sarama.Client, part partition, offset int64) (*sarama.FetchResponseBlock, error) {
	leader, err := client.Leader(part.Topic, part.Number)
	if err != nil {
		return nil, err
	}
	config := client.Config().Consumer
	request := &sarama.FetchRequest{
		Version: 10, MaxBytes: config.Fetch.Default, Isolation: config.IsolationLevel,
		MaxWaitTime: 100, MinBytes: 1, // so that an empty answer is none for want of patience; in ms and bytes
		SessionEpoch: -1, // no session
	}
	const noEpoch = -1
	request.AddBlock(part.Topic, part.Number, offset, config.Fetch.Default, noEpoch)
	response, err := leader.Fetch(request)
	if err != nil {
		return nil, errors.Join(err, leader.Close())
	}
	block := response.GetBlock(part.Topic, part.Number)
	switch {
	case block == nil:
		return nil, sarama.ErrIncompleteResponse
	case block.Err != sarama.ErrNoError:
		return nil, errors.Join(block.Err, client.RefreshMetadata(part.Topic))
	}
	return block, nil
}

// firstRecord returns the offset of the first record that a fetch from an offset brought; where it brought none, the first
// offset of which nothing is known. It tells records apart as sarama's consumer does.
func firstRecord(block *sarama.FetchResponseBlock, from int64) int64 {
	if len(block.RecordsSet) == 0 && from < block.LastStableOffset {
		// Either nothing is left, or batches that compaction emptied, which sarama leaves out, are all that was fetched: then
		// records may be behind them. In both cases there is none at this offset.
		return from + 1
	}
	next := from
	aborted := map[int64]bool{} // by producer: whether an aborted transaction of it is open
	transactions := slices.SortedFunc(slices.Values(block.AbortedTransactions), func(a, b *sarama.AbortedTransaction) int {
		return cmp.Compare(a.FirstOffset, b.FirstOffset)
	})
	for _, set := range block.RecordsSet {
		batch := set.RecordBatch
		if batch == nil || batch.PartialTrailingRecord { // of Kafka before 0.11, or cut off
			return next
		}
		for len(transactions) > 0 && transactions[0].FirstOffset <= batch.LastOffset() {
			aborted[transactions[0].ProducerID] = true
			transactions = transactions[1:]
		}
		switch {
		case batch.Control:
			delete(aborted, batch.ProducerID)
		case batch.IsTransactional && aborted[batch.ProducerID]:
		default:
			for _, r := range batch.Records {
				if offset := batch.FirstOffset + r.OffsetDelta; offset >= from {
					return offset
				}
			}
		}
		next = max(next, batch.LastOffset()+1)
	}
	return next
}

package indexer

import (
	"testing"

	"github.com/IBM/sarama"
)

// batch makes a batch of records at the offsets; the batch goes as far as last.
func batch(producer, last int64, offsets ...int64) *sarama.RecordBatch {
	b := &sarama.RecordBatch{ProducerID: producer, IsTransactional: producer > 0, FirstOffset: offsets[0]}
	for _, offset := range offsets {
		b.Records = append(b.Records, &sarama.Record{OffsetDelta: offset - b.FirstOffset})
	}
	b.LastOffsetDelta = int32(last - b.FirstOffset)
	return b
}

func marker(producer, offset int64) *sarama.RecordBatch {
	b := batch(producer, offset, offset)
	b.Control = true
	return b
}

// TestFirstRecord: nothing that a consumer would be given is passed.
func TestFirstRecord(t *testing.T) {
	cut := batch(0, 10, 10)
	cut.PartialTrailingRecord = true
	aborted := func(offsets ...int64) (all []*sarama.AbortedTransaction) { // of producer 1
		for _, offset := range offsets {
			all = append(all, &sarama.AbortedTransaction{ProducerID: 1, FirstOffset: offset})
		}
		return all
	}
	for _, tt := range []struct {
		name    string
		batches []*sarama.RecordBatch
		aborted []*sarama.AbortedTransaction
		stable  int64
		want    int64
	}{
		{"a record", []*sarama.RecordBatch{batch(0, 10, 10)}, nil, 11, 10},
		{"a marker", []*sarama.RecordBatch{marker(1, 10)}, nil, 11, 11},
		{"the end of a batch, and a marker", []*sarama.RecordBatch{batch(1, 9, 8, 9), marker(1, 10)}, nil, 11, 11},
		{"a marker, and a record", []*sarama.RecordBatch{marker(1, 10), batch(0, 12, 11, 12)}, nil, 13, 11},
		{"committed", []*sarama.RecordBatch{batch(1, 10, 10), marker(1, 11)}, nil, 12, 10},
		{"aborted", []*sarama.RecordBatch{batch(1, 11, 10, 11), marker(1, 12)}, aborted(10), 13, 13},
		{"aborted, begun before", []*sarama.RecordBatch{batch(1, 11, 10, 11), marker(1, 12)}, aborted(3), 13, 13},
		{"aborted, then committed", []*sarama.RecordBatch{batch(1, 10, 10), marker(1, 11), batch(1, 12, 12), marker(1, 13)},
			aborted(10), 14, 12},
		{"aborted twice, told in any order", []*sarama.RecordBatch{
			batch(1, 10, 10), marker(1, 11), batch(1, 12, 12), marker(1, 13),
		}, aborted(12, 10), 14, 14},
		{"aborted by one, committed by the other", []*sarama.RecordBatch{batch(1, 10, 10), batch(2, 11, 11), marker(1, 12)},
			aborted(10), 14, 11},
		{"aborted by one, none of it", []*sarama.RecordBatch{batch(1, 10, 10), batch(0, 11, 11), marker(1, 12)},
			aborted(10), 13, 11},
		{"compacted, with records behind it", []*sarama.RecordBatch{batch(0, 16, 15, 16)}, nil, 17, 15},
		{"compacted in a batch", []*sarama.RecordBatch{batch(0, 14, 8, 9)}, nil, 15, 15},
		{"compacted as a whole", nil, nil, 17, 11},
		{"the end", nil, nil, 10, 10},
		{"cut off", []*sarama.RecordBatch{cut}, nil, 17, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			block := &sarama.FetchResponseBlock{LastStableOffset: tt.stable, AbortedTransactions: tt.aborted}
			for _, b := range tt.batches {
				block.RecordsSet = append(block.RecordsSet, &sarama.Records{RecordBatch: b})
			}
			if got := firstRecord(block, 10); got != tt.want {
				t.Errorf("fetched from 10: %d, want %d", got, tt.want)
			}
		})
	}
}

// TestPass: a claim passes what has no records only where it still stands in front of it.
func TestPass(t *testing.T) {
	var marked []int64
	tr := &tracker{mark: func(next int64) { marked = append(marked, next) }}
	tr.begin(5)
	tr.pass(4, 9)
	tr.pass(5, 5)
	r := tr.take(7, 1, 1)
	tr.pass(5, 7) // the record may have come meanwhile
	r.done()
	tr.pass(5, 9)
	tr.pass(8, 9)
	if at, idle := tr.idle(); at != 9 || !idle || len(marked) != 2 || marked[0] != 8 || marked[1] != 9 {
		t.Errorf("it stands at %d, idle: %t, and has marked %v, want 8 and 9", at, idle, marked)
	}
}

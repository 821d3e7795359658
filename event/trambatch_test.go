package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// batchOf returns messages of the orders 1, 2, 3...
func batchOf(t testing.TB, n int) []batchMessage {
	var messages []batchMessage
	for i := range n {
		e := sampleEnvelope(Order, "OrderAuthorized", `{}`)
		e.AggregateID = fmt.Sprint(i + 1)
		messages = append(messages, batchMessage{
			headers: []pair{{"x", "1"}, {"", ""}}, key: e.AggregateID, value: string(writeTram(t, e).Value),
		})
	}
	return messages
}

func batchRecord(value []byte) Record {
	return Record{Topic: TopicOf(Order), Partition: 3, Offset: 41, Key: []byte("whatever"), Value: value}
}

func TestDecodeBatch(t *testing.T) {
	for _, format := range []Format{Tram, Auto} {
		for _, n := range []int{0, 1, 3, 200} {
			t.Run(fmt.Sprintf("%d as %s", n, format), func(t *testing.T) {
				var want []Envelope
				for i := range n {
					e := sampleEnvelope(Order, "OrderAuthorized", `{}`)
					e.AggregateID, e.Index, e.TraceParent = fmt.Sprint(i+1), i, ""
					want = append(want, e)
				}
				value := encodeBatch([]pair{{"batch", "header"}}, batchOf(t, n)...)
				got, err := newDecoder(t, format).Decode(batchRecord(value))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

// A later version of the encoding may begin its blocks with fields that we do not know: their lengths are obeyed.
func TestDecodeBatchSkipsBlocks(t *testing.T) {
	m := batchOf(t, 1)[0]
	b := appendUint16s(slices.Clone(batchPrefix), 3, batchTemplate, batchSchema, batchVersion)
	b = append(b, "abc"...)
	b = append(appendUint16s(b, 1, 1), 'd')
	b = appendText(appendText(b, "key"), "value")
	b = append(appendUint16s(b, 2, 1), "ef"...)
	b = append(appendUint16s(b, 4, 1), "ghij"...)
	b = appendText(appendText(b, "key"), "value")
	b = appendText(appendText(b, m.key), m.value)
	if got := mustDecode(t, newDecoder(t, Tram), batchRecord(b)); got.AggregateID != "1" {
		t.Errorf("got %+v", got)
	}
}

func TestDecodeBatchRefuses(t *testing.T) {
	good := encodeBatch(nil, batchOf(t, 2)...)
	header := len(batchPrefix)
	at := func(offset int, numbers ...int) []byte {
		b := slices.Clone(good)
		copy(b[offset:], appendUint16s(nil, numbers...))
		return b
	}
	messages := header + 8 + 4
	change := func(i int, f func(*batchMessage)) []byte {
		m := batchOf(t, 3)
		f(&m[i])
		return encodeBatch(nil, m...)
	}
	tests := []struct {
		name   string
		value  []byte
		reason Reason
	}{
		{"nothing behind the prefix", batchPrefix, ReasonFormat},
		{"other template", at(header+2, 2), ReasonFormat},
		{"other schema", at(header+4, 2), ReasonFormat},
		{"other version", at(header+6, 1), ReasonFormat},
		{"block beyond the end", at(header, 65535), ReasonFormat},
		{"block of the headers beyond the end", at(header+8, 65535, 65535), ReasonFormat},
		{"more headers than there are", at(header+10, 65535), ReasonFormat},
		{"more messages than there are", at(messages+2, 3), ReasonFormat},
		{"many more messages than there are", at(messages+2, 65535), ReasonFormat},
		{"fewer messages than there are", at(messages+2, 1), ReasonFormat},
		{"block of the messages beyond the end", at(messages, 65535), ReasonFormat},
		{"key beyond the end", at(messages+4+4+2*(4+4)+2, 65535, 65535), ReasonFormat},
		{"a byte more", append(slices.Clone(good), 0), ReasonFormat},
		{"key that is not UTF-8", change(1, func(m *batchMessage) { m.key = "\xff" }), ReasonEncoding},
		{"value that is not UTF-8", change(2, func(m *batchMessage) { m.value = "\xff" }), ReasonEncoding},
		{"header that is not UTF-8", change(0, func(m *batchMessage) { m.headers[1].value = "\xff" }), ReasonEncoding},
		{"key of another", change(1, func(m *batchMessage) { m.key = "1" }), ReasonAggregate},
		{"empty value", change(2, func(m *batchMessage) { m.value = "" }), ReasonFormat},
		{"bad event", change(2, func(m *batchMessage) { m.value = strings.Replace(m.value, "{}", "[]", 1) }), ReasonBody},
		{"deep value", change(2, func(m *batchMessage) { m.value = strings.Repeat("[", 100) }), ReasonTooLarge},
		{"batch in a batch", change(1, func(m *batchMessage) { m.value = string(good) }), ReasonEncoding},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := newDecoder(t, Auto).Decode(batchRecord(test.value))
			wantError(t, err, test.reason)
			if got != nil {
				t.Errorf("got %d events beside the error", len(got))
			}
		})
	}
	t.Run("which one is bad", func(t *testing.T) {
		value := change(1, func(m *batchMessage) { m.key = "1" })
		_, err := newDecoder(t, Auto).Decode(batchRecord(value))
		if !strings.Contains(err.Error(), "message 1 of 3") {
			t.Errorf("got the error %q, want it to name message 1 of 3", err)
		}
	})
	t.Run("cut short", func(t *testing.T) {
		d := newDecoder(t, Tram)
		for n := range good {
			if got, err := d.Decode(batchRecord(slices.Clip(good[:n]))); err == nil {
				t.Fatalf("%d of %d bytes give %v", n, len(good), got)
			}
		}
	})
}

// Counts and lengths are claims: none makes the reader allocate what is not there.
func TestDecodeBatchAllocatesNothingOnAClaim(t *testing.T) {
	value := appendUint16s(slices.Clone(batchPrefix), 0, batchTemplate, batchSchema, batchVersion, 0, 65535)
	value = append(value, bytes.Repeat([]byte{0xff}, 64)...)
	d := newDecoder(t, Tram)
	const runs = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		_, _ = d.Decode(batchRecord(value))
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > 4096 {
		t.Errorf("got %d bytes allocated for %d bytes of batch", got, len(value))
	}
}

// The batch's own text must not reach the documents by way of a shared array.
func TestDecodeBatchKeepsBodiesApart(t *testing.T) {
	got, err := newDecoder(t, Tram).Decode(batchRecord(encodeBatch(nil, batchOf(t, 2)...)))
	if err != nil {
		t.Fatal(err)
	}
	_ = append(got[0].Data, "overwritten"...)
	if !json.Valid(got[1].Data) {
		t.Errorf("got %q after an append to the event before it", got[1].Data)
	}
}

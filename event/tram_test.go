package event

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// orderHeaders are a Tram message's headers as its CDC service writes them.
func orderHeaders() map[string]any {
	return map[string]any{
		"ID": "0000019ca9148420-0242ac1100030001", "PARTITION_ID": "1", "DESTINATION": TopicOf(Order),
		"DATE": "Sun, 1 Mar 2026 11:07:00 GMT", "event-type": TypeName(Order, "OrderAuthorized"),
		"event-aggregate-type": TopicOf(Order), "event-aggregate-id": "1",
	}
}

func TestReadTram(t *testing.T) {
	idTime := time.UnixMilli(0x19ca9148420).UTC() // 11:07:00.000
	at := func(hour, minute, second, ms int) time.Time {
		return time.Date(2026, 3, 1, hour, minute, second, ms*1e6, time.UTC)
	}
	if !idTime.Equal(at(11, 7, 0, 0)) {
		t.Fatalf("the sample's id is of %v", idTime)
	}
	recordTime := at(11, 8, 0, 0)
	type want struct {
		Version uint64
		Time    time.Time
	}
	tests := []struct {
		name    string
		headers map[string]any // nil: taken away
		payload any
		want    want
		reason  Reason
	}{
		{"sample", nil, `{}`, want{0, at(11, 7, 0, 0)}, ""},
		{"version", map[string]any{"event-aggregate-version": "3"}, `{}`, want{3, at(11, 7, 0, 0)}, ""},
		{"version as a number", map[string]any{"event-aggregate-version": 3}, `{}`, want{3, at(11, 7, 0, 0)}, ""},
		{"milliseconds of the id", map[string]any{"ID": tramID(at(11, 7, 0, 7), 1)}, `{}`, want{0, at(11, 7, 0, 7)}, ""},
		{"id of the second before", map[string]any{"ID": tramID(at(11, 6, 59, 999), 1)}, `{}`, want{0, at(11, 7, 0, 0)}, ""},
		{"id of the second after", map[string]any{"ID": tramID(at(11, 7, 1, 0), 1)}, `{}`, want{0, at(11, 7, 0, 0)}, ""},
		{"id of no time", map[string]any{"ID": "e1"}, `{}`, want{0, at(11, 7, 0, 0)}, ""},
		{"no id", map[string]any{"ID": nil}, `{}`, want{0, at(11, 7, 0, 0)}, ""},
		{"no date", map[string]any{"DATE": nil, "ID": tramID(at(11, 7, 5, 7), 1)}, `{}`, want{0, at(11, 7, 5, 7)}, ""},
		{"no date, id of no time", map[string]any{"DATE": nil, "ID": "0000019ca9148420_0242ac1100030001"}, `{}`,
			want{0, recordTime}, ""},
		{"no date, id of a far time", map[string]any{"DATE": nil, "ID": "ffffffffffffffff-0242ac1100030001"}, `{}`,
			want{0, recordTime}, ""},
		{"day of two digits", map[string]any{"DATE": "Sun, 01 Mar 2026 11:07:00 GMT"}, `{}`, want{0, at(11, 7, 0, 0)}, ""},
		{"offset", map[string]any{"DATE": "Sun, 1 Mar 2026 12:07:00 +0100"}, `{}`, want{0, at(11, 7, 0, 0)}, ""},
		{"no type of the aggregate", map[string]any{"event-aggregate-type": nil}, `{}`, want{0, at(11, 7, 0, 0)}, ""},
		{"no partition", map[string]any{"PARTITION_ID": nil}, `{}`, want{0, at(11, 7, 0, 0)}, ""},
		{"foreign headers", map[string]any{"x": []int{1}, "y": nil}, `{}`, want{0, at(11, 7, 0, 0)}, ""},
		{"date in words", map[string]any{"DATE": "yesterday"}, `{}`, want{}, ReasonTime},
		{"date of another zone's name", map[string]any{"DATE": "Sun, 1 Mar 2026 11:07:00 EST"}, `{}`, want{}, ReasonTime},
		{"date of no day", map[string]any{"DATE": "Sun, 31 Feb 2026 11:07:00 GMT"}, `{}`, want{}, ReasonTime},
		{"version of 0", map[string]any{"event-aggregate-version": "0"}, `{}`, want{}, ReasonVersion},
		{"negative version", map[string]any{"event-aggregate-version": -3}, `{}`, want{}, ReasonVersion},
		{"empty version", map[string]any{"event-aggregate-version": ""}, `{}`, want{}, ReasonVersion},
		{"version that is true", map[string]any{"event-aggregate-version": true}, `{}`, want{}, ReasonVersion},
		{"no event type", map[string]any{"event-type": nil}, `{}`, want{}, ReasonMissing},
		{"no aggregate id", map[string]any{"event-aggregate-id": nil}, `{}`, want{}, ReasonMissing},
		{"another partition", map[string]any{"PARTITION_ID": "2"}, `{}`, want{}, ReasonAggregate},
		{"another aggregate", map[string]any{"event-aggregate-id": "2", "PARTITION_ID": "2"}, `{}`, want{}, ReasonAggregate},
		{"another type of aggregate", map[string]any{"event-aggregate-type": TopicOf(Ticket)}, `{}`, want{}, ReasonAggregate},
		{"id as a number", map[string]any{"ID": 7}, `{}`, want{}, ReasonFormat},
		{"payload as an object", nil, map[string]any{}, want{}, ReasonFormat},
		{"null payload", nil, nil, want{}, ReasonMissing},
		{"empty payload", nil, ``, want{}, ReasonBody},
		{"payload in a string in a string", nil, `"{}"`, want{}, ReasonBody},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			headers := orderHeaders()
			for name, value := range test.headers {
				if headers[name] = value; value == nil {
					delete(headers, name)
				}
			}
			r := Record{
				Topic: TopicOf(Order), Key: []byte("1"), Time: recordTime,
				Value: encodeJSON(t, map[string]any{"payload": test.payload, "headers": headers}),
			}
			d := newDecoder(t, Tram)
			if test.reason != "" {
				_, err := d.Decode(r)
				wantError(t, err, test.reason)
				return
			}
			e := mustDecode(t, d, r)
			if diff := cmp.Diff(test.want, want{e.Version, e.Time}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if _, ok := e.Payload.(*OrderAuthorized); !ok || e.AggregateID != "1" || e.ID != str(headers["ID"]) {
				t.Errorf("got %+v", e)
			}
		})
	}
	t.Run("no headers", func(t *testing.T) {
		_, err := newDecoder(t, Tram).Decode(Record{Topic: TopicOf(Order), Value: []byte(`{"payload":"{}"}`)})
		wantError(t, err, ReasonMissing)
	})
	t.Run("no object", func(t *testing.T) {
		_, err := newDecoder(t, Tram).Decode(Record{Topic: TopicOf(Order), Value: []byte(`"{}"`)})
		wantError(t, err, ReasonFormat)
	})
}

func str(v any) string {
	s, _ := v.(string)
	return s
}

// testdata/orders.jsonl holds whole orders as Tram sends them: delivered, cancelled, refused and under way.
func TestDecodeOrders(t *testing.T) {
	counts := map[string]int{}
	var last time.Time
	d := newDecoder(t, Auto)
	for _, r := range readOrders(t) {
		e := mustDecode(t, d, r)
		if e.Payload == nil || e.AggregateID != string(r.Key) || e.Version != 0 || e.Topic != r.Topic {
			t.Fatalf("got %+v of %s", e, r.Value)
		}
		if e.Time.Before(last) {
			t.Errorf("%s is of %v, before the event ahead of it", e.ID, e.Time)
		}
		last = e.Time
		counts[e.Type]++
	}
	want := map[string]int{
		"OrderCreatedEvent": 9, "OrderAuthorized": 7, "OrderRejected": 2, "OrderCancelled": 2,
		"AccountAuthorizedEvent": 7, "AccountAuthorizationFailed": 2, "AuthorizationReversed": 2,
		"TicketCreatedEvent": 7, "TicketAcceptedEvent": 5, "TicketPreparationStartedEvent": 5,
		"TicketPreparationCompletedEvent": 5, "TicketPickedUpEvent": 4, "TicketCancelled": 2,
		"DeliveryScheduled": 5, "DeliveryPickedUp": 4, "DeliveryDelivered": 4,
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("events of each type (-want +got):\n%s", diff)
	}
}

// readOrders returns the records of testdata/orders.jsonl.
func readOrders(t testing.TB) []Record {
	t.Helper()
	f, err := os.Open("testdata/orders.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var records []Record
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line struct{ Topic, Key, Value string }
		if err := json.NewDecoder(strings.NewReader(lines.Text())).Decode(&line); err != nil {
			t.Fatal(err)
		}
		records = append(records, Record{
			Topic: line.Topic, Offset: int64(len(records)), Key: []byte(line.Key), Value: []byte(line.Value),
		})
	}
	return records
}

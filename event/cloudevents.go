package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/viewgate/viewgate/wire"
)

// cloudEvent holds the attributes of a CloudEvent that matter here, whichever mode they came in.
// See https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            string          `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Sequence        *scalar         `json:"sequence"`
	TraceParent     string          `json:"traceparent"`
	Data            json.RawMessage `json:"data"`
	DataBase64      *string         `json:"data_base64"`
}

// readCloudEvent reads a CloudEvent: structured where the content-type says so or no header gives a specversion, else
// binary. Header names have no case.
func readCloudEvent(r Record) (draft, error) {
	c := cloudEvent{Data: r.Value}
	var contentType string
	for _, h := range r.Headers {
		name := strings.ToLower(h.Key)
		if name == "content-type" {
			contentType = string(h.Value)
		}
		attribute, ok := strings.CutPrefix(name, "ce_")
		if !ok {
			continue
		}
		switch attribute { // each makes its own string, so that others cost none
		case "specversion":
			c.SpecVersion = string(h.Value)
		case "id":
			c.ID = string(h.Value)
		case "type":
			c.Type = string(h.Value)
		case "subject":
			c.Subject = string(h.Value)
		case "time":
			c.Time = string(h.Value)
		case "sequence":
			sequence := scalar(h.Value)
			c.Sequence = &sequence
		case "traceparent":
			c.TraceParent = string(h.Value)
		}
	}
	c.DataContentType = contentType
	if isStructured(contentType) || c.SpecVersion == "" {
		if !isStructuredJSON(contentType) {
			return draft{}, failf(ReasonFormat, "a CloudEvent of the content type %.60q", contentType)
		}
		c = cloudEvent{}
		if err := json.Unmarshal(r.Value, &c); err != nil {
			return draft{}, failf(ReasonFormat, "a structured CloudEvent: %v", err)
		}
	}
	return c.draft(r)
}

// body returns the event's body, which a structured event may hold in base64.
func (c *cloudEvent) body() ([]byte, error) {
	present := c.Data != nil && !bytes.Equal(c.Data, []byte("null"))
	switch {
	case c.DataBase64 == nil && !present:
		return nil, failf(ReasonMissing, "a CloudEvent without data")
	case c.DataBase64 == nil:
		return c.Data, nil
	case present:
		return nil, failf(ReasonFormat, "a CloudEvent with both data and data_base64")
	}
	data, err := base64.StdEncoding.DecodeString(*c.DataBase64)
	if err != nil {
		return nil, failf(ReasonFormat, "data_base64: %v", err)
	}
	return data, checkText(data)
}

func (c *cloudEvent) draft(r Record) (draft, error) {
	switch {
	case c.SpecVersion == "":
		return draft{}, failf(ReasonMissing, "a CloudEvent without specversion")
	case c.SpecVersion != "1.0":
		return draft{}, failf(ReasonFormat, "CloudEvents %.40q; 1.0 is read", c.SpecVersion)
	case c.ID == "":
		return draft{}, failf(ReasonMissing, "a CloudEvent without id")
	case !isJSON(c.DataContentType):
		return draft{}, failf(ReasonFormat, "a body of the content type %.60q", c.DataContentType)
	}
	data, err := c.body()
	if err != nil {
		return draft{}, err
	}
	x := draft{
		id: c.ID, aggregateID: c.Subject, typ: c.Type, version: c.Sequence, data: data, traceParent: c.TraceParent,
	}
	if x.aggregateID == "" {
		x.aggregateID = string(r.Key)
	}
	if c.Time != "" {
		t, err := wire.ParseTime(c.Time)
		if err != nil {
			return draft{}, failf(ReasonTime, "time: %v", err)
		}
		x.time = t.Time
	}
	return x, nil
}

// isStructured reports whether a content-type announces an event with its attributes in the value.
func isStructured(contentType string) bool {
	const prefix = "application/cloudevents"
	return len(contentType) >= len(prefix) && strings.EqualFold(contentType[:len(prefix)], prefix)
}

// isStructuredJSON reports whether the envelope is in the one format that is read. The binding has no batches.
func isStructuredJSON(contentType string) bool {
	return !isStructured(contentType) || mediaType(contentType) == "application/cloudevents+json"
}

// isJSON reports whether a body of this content type is JSON, which is also what none says.
func isJSON(contentType string) bool {
	m := mediaType(contentType)
	return m == "" || m == "application/json" || m == "text/json" || strings.HasSuffix(m, "+json")
}

// mediaType returns a content-type without its parameters.
func mediaType(contentType string) string {
	m, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(m))
}

// EncodeCloudEvent returns the key, the headers and the value of the record that carries e as a binary-mode CloudEvent,
// to be sent to TopicOf(e.Aggregate). The record's key is the aggregate's id, so that its events stay in order.
//
// Aggregate, AggregateID, ID, Type and Data must be set; Version 0 and a zero Time are left out. Decode gives e back, with
// the class name cut off its Type and the time cut to milliseconds.
func EncodeCloudEvent(e Envelope) (key []byte, headers []Header, value []byte) {
	add := func(name, value string) { headers = append(headers, Header{name, []byte(value)}) }
	add("ce_specversion", "1.0")
	add("ce_id", e.ID)
	add("ce_source", "/ftgo/"+families[e.Aggregate].service)
	add("ce_type", TypeName(e.Aggregate, e.Type))
	add("ce_subject", e.AggregateID)
	if !e.Time.IsZero() {
		add("ce_time", wire.At(e.Time).Format(time.RFC3339Nano))
	}
	if e.Version > 0 {
		add("ce_sequence", fmt.Sprintf("%020d", e.Version)) // padded, so that the order as text is the order as numbers
	}
	if e.TraceParent != "" {
		add("ce_traceparent", e.TraceParent)
	}
	add("content-type", "application/json")
	return []byte(e.AggregateID), headers, e.Data
}

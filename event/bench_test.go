package event

import "testing"

// BenchmarkDecode reads an order's first event, the largest that is common, in every form; a batch has ten. The metric
// events/s is of one core.
func BenchmarkDecode(b *testing.B) {
	e := sampleEnvelope(Order, "OrderCreatedEvent", orderCreated)
	run := func(name string, d *Decoder, r Record, events int) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(r.Value)))
			for b.Loop() {
				if got, err := d.Decode(r); err != nil || len(got) != events {
					b.Fatal(len(got), err)
				}
			}
			b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
	for _, w := range writers {
		run(w.name, newDecoder(b, w.format), w.write(b, e), 1)
	}
	for _, w := range writers {
		if w.name == "CloudEvents binary" || w.name == "Tram" || w.name == "Debezium envelope" {
			run("auto, "+w.name, newDecoder(b, Auto), w.write(b, e), 1)
		}
	}
	var messages []batchMessage
	for range 10 {
		messages = append(messages, batchMessage{nil, e.AggregateID, string(writeTram(b, e).Value)})
	}
	ten := writeTram(b, e)
	ten.Value = encodeBatch(nil, messages...)
	run("Tram batch of ten", newDecoder(b, Tram), ten, 10)
	location := sampleEnvelope(Delivery, "DeliveryLocationUpdated", `{"orderId":1,"latitude":37.8,"longitude":-122.27}`)
	run("CloudEvents binary, location", newDecoder(b, CloudEvents), writeBinary(b, location), 1)
}

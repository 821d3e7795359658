package event

import (
	"encoding/binary"
	"unicode/utf8"
)

// batchPrefix begins a Kafka record in which Eventuate's CDC service has packed several messages.
var batchPrefix = []byte("a8c79db675e14c4cbf1eb77d0d6d0f00")

// The identity of the one SBE message that follows the prefix, as the header names it.
const (
	batchTemplate = 1
	batchSchema   = 1
	batchVersion  = 0
)

// decodeBatch reads a record of several messages. In Simple Binary Encoding (little-endian) it is
//
//	header    blockLength u16, templateId u16, schemaId u16, version u16
//	block     blockLength bytes, none in this version
//	headers   group of {key, value}
//	messages  group of {headers: group of {key, value}, key, value}
//
// where a group is {blockLength u16, count u16} and its entries, each with a block of that length first, and a text is
// {length u32} and UTF-8. Each message's value is the JSON that a record has where there is no batch; the headers, of the
// batch and of its messages, say nothing about events and are only skipped. A message's own key stands for the record's.
func decodeBatch(s Source, r Record) ([]Envelope, error) {
	b := &batchReader{left: r.Value[len(batchPrefix):]}
	block := b.uint16()
	template, schema, version := b.uint16(), b.uint16(), b.uint16()
	if b.err == nil && (template != batchTemplate || schema != batchSchema || version != batchVersion) {
		return nil, failf(ReasonFormat, "a batch of template %d, schema %d, version %d; %d, %d, %d is read",
			template, schema, version, batchTemplate, batchSchema, batchVersion)
	}
	b.take(block)
	b.skipHeaders()
	block, count := b.group(4 + 4 + 4)
	var envelopes []Envelope
	for i := range count {
		b.take(block)
		b.skipHeaders()
		key, value := b.text(), b.text()
		if b.err != nil {
			break
		}
		e, err := decodeBatched(s, r, i, key, value)
		if err != nil {
			return nil, failf(ReasonOf(err), "message %d of %d: %v", i, count, err)
		}
		envelopes = append(envelopes, e)
	}
	if b.err == nil && len(b.left) > 0 {
		b.err = failf(ReasonFormat, "%d bytes behind the batch", len(b.left))
	}
	if b.err != nil {
		return nil, b.err
	}
	return envelopes, nil
}

func decodeBatched(s Source, r Record, index int, key, value []byte) (Envelope, error) {
	if err := checkText(value); err != nil {
		return Envelope{}, err
	}
	x, err := readTram(value)
	if err != nil {
		return Envelope{}, err
	}
	x.index, x.key = index, key
	return x.envelope(s, r)
}

// batchReader reads what is left of a batch. Every count and length is held against it before it is used. After the first
// failure, in err, it reads zeros.
type batchReader struct {
	left []byte
	err  error
}

// take returns the next n bytes, or nil.
func (b *batchReader) take(n int) []byte {
	if b.err != nil {
		return nil
	}
	if n > len(b.left) {
		b.err = failf(ReasonFormat, "a batch that ends %d bytes too early", n-len(b.left))
		return nil
	}
	taken := b.left[:n:n]
	b.left = b.left[n:]
	return taken
}

func (b *batchReader) uint16() int {
	if p := b.take(2); p != nil {
		return int(binary.LittleEndian.Uint16(p))
	}
	return 0
}

// text returns a text, checked to be UTF-8.
func (b *batchReader) text() []byte {
	p := b.take(4)
	if p == nil {
		return nil
	}
	length := binary.LittleEndian.Uint32(p)
	if int64(length) > int64(len(b.left)) {
		b.err = failf(ReasonFormat, "a text of %d bytes in a batch where %d are left", length, len(b.left))
		return nil
	}
	text := b.take(int(length))
	if b.err == nil && !utf8.Valid(text) {
		b.err = failf(ReasonEncoding, "a text in the batch is not UTF-8")
	}
	return text
}

// group returns the length of the block that begins each entry of a group, and how many there are. An entry has at least
// least bytes behind its block.
func (b *batchReader) group(least int) (block, count int) {
	block, count = b.uint16(), b.uint16()
	if b.err == nil && int64(count)*int64(block+least) > int64(len(b.left)) {
		b.err = failf(ReasonFormat, "%d entries in a batch where %d bytes are left", count, len(b.left))
	}
	if b.err != nil {
		return 0, 0
	}
	return block, count
}

// skipHeaders reads a group of headers.
func (b *batchReader) skipHeaders() {
	block, count := b.group(4 + 4)
	for range count {
		b.take(block)
		b.text()
		b.text()
		if b.err != nil {
			return
		}
	}
}

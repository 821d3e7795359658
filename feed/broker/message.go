package broker

import (
	"encoding/json"
	"fmt"

	"github.com/viewgate/viewgate/feed"
)

// message is News in the topic, as JSON.
type message struct {
	Version int                        `json:"v"`
	Index   string                     `json:"index"`
	Changed []string                   `json:"changed,omitempty"`
	Written map[string]map[int32]int64 `json:"written,omitempty"` // offset by topic and partition
	Filling bool                       `json:"filling,omitempty"`
}

// version is that of message. A message of another one is not understood.
const version = 1

// encode returns the messages that tell the news, each within limit bytes as far as a single document's id allows. Where
// there are several the last one has the positions.
func encode(news feed.News, limit int) ([][]byte, error) {
	m := message{Version: version, Index: news.Index, Changed: news.Changed, Filling: news.Filling}
	if len(news.Written) > 0 {
		m.Written = map[string]map[int32]int64{}
	}
	for part, offset := range news.Written {
		if m.Written[part.Topic] == nil {
			m.Written[part.Topic] = map[int32]int64{}
		}
		m.Written[part.Topic][part.Number] = offset
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode news of index %s: %w", news.Index, err)
	}
	n := len(news.Changed)
	if len(text) <= limit || n < 2 {
		return [][]byte{text}, nil
	}
	first, err := encode(feed.News{Index: news.Index, Changed: news.Changed[:n/2], Filling: news.Filling}, limit)
	if err != nil {
		return nil, err
	}
	news.Changed = news.Changed[n/2:]
	second, err := encode(news, limit)
	return append(first, second...), err
}

// decode returns the news that a message tells.
func decode(text []byte) (feed.News, error) {
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		return feed.News{}, fmt.Errorf("it is not the JSON that is expected: %w", err)
	}
	switch {
	case m.Version != version:
		return feed.News{}, fmt.Errorf("it is of version %d, not %d", m.Version, version)
	case m.Index == "":
		return feed.News{}, fmt.Errorf("it names no index")
	}
	news := feed.News{Index: m.Index, Changed: m.Changed, Filling: m.Filling}
	if len(m.Written) > 0 {
		news.Written = feed.Positions{}
	}
	for topic, offsets := range m.Written {
		for number, offset := range offsets {
			if number < 0 || offset < 0 {
				return feed.News{}, fmt.Errorf("%s/%d cannot be written up to %d", topic, number, offset)
			}
			news.Written[feed.Partition{Topic: topic, Number: number}] = offset
		}
	}
	return news, nil
}

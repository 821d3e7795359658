package graph

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// kept keeps what was used last, by a text, and never more of it than so many bytes. It is safe for concurrent use.
type kept[V any] struct {
	most int

	mu     sync.Mutex
	values *simplelru.LRU[string, weighed[V]] // guarded by mu
	bytes  int                                // guarded by mu: of all values and their keys
}

type weighed[V any] struct {
	value V
	bytes int
}

// keptAside is what an entry takes beside its key and its value, about.
const keptAside = 256

func newKept[V any](most int) *kept[V] {
	k := &kept[V]{most: most}
	var err error
	k.values, err = simplelru.NewLRU(most/keptAside+1, func(_ string, w weighed[V]) { k.bytes -= w.bytes })
	if err != nil {
		panic(err) // the number is positive
	}
	return k
}

func (k *kept[V]) get(key string) (V, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	w, ok := k.values.Get(key)
	return w.value, ok
}

// put keeps a value of so many bytes, unless it alone is too much.
func (k *kept[V]) put(key string, value V, bytes int) {
	bytes += len(key) + keptAside
	if bytes > k.most {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.values.Remove(key)
	k.values.Add(key, weighed[V]{value, bytes})
	k.bytes += bytes
	for k.bytes > k.most {
		k.values.RemoveOldest()
	}
}

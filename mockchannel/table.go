package mockchannel

import (
	"hash/maphash"
	"sync"
)

const shards = 64

var tableSeed = maphash.MakeSeed()

// table is a map that many goroutines use at once: a lock per shard, held for one access.
type table[V any] struct {
	shards [shards]struct {
		mutex   sync.RWMutex
		entries map[string]V
	}
}

func (t *table[V]) get(key string) (V, bool) {
	shard := &t.shards[maphash.String(tableSeed, key)%shards]
	shard.mutex.RLock()
	defer shard.mutex.RUnlock()
	value, found := shard.entries[key]
	return value, found
}

// getOrPut returns the entry of the key, which is the value given if there was none.
func (t *table[V]) getOrPut(key string, value V) (entry V, existed bool) {
	shard := &t.shards[maphash.String(tableSeed, key)%shards]
	shard.mutex.Lock()
	defer shard.mutex.Unlock()
	if entry, existed = shard.entries[key]; existed {
		return entry, true
	}
	if shard.entries == nil {
		shard.entries = map[string]V{}
	}
	shard.entries[key] = value
	return value, false
}

// update replaces the entry of the key by what change makes of it (or of the zero value).
func (t *table[V]) update(key string, change func(V) V) {
	shard := &t.shards[maphash.String(tableSeed, key)%shards]
	shard.mutex.Lock()
	defer shard.mutex.Unlock()
	if shard.entries == nil {
		shard.entries = map[string]V{}
	}
	shard.entries[key] = change(shard.entries[key])
}

func (t *table[V]) remove(key string) {
	shard := &t.shards[maphash.String(tableSeed, key)%shards]
	shard.mutex.Lock()
	defer shard.mutex.Unlock()
	delete(shard.entries, key)
}

// all is a copy of the entries, in no order.
func (t *table[V]) all() []V {
	var values []V
	for i := range t.shards {
		shard := &t.shards[i]
		shard.mutex.RLock()
		for _, value := range shard.entries {
			values = append(values, value)
		}
		shard.mutex.RUnlock()
	}
	return values
}

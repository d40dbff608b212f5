package flashshop

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// cache is a counter in Redis of the units of each SKU that are left, so that a crowd that comes too late does not get as
// far as the database. An order takes its units there first. The database decides: what it refuses, or fails to do, is put
// back, once; and a counter that is wrong, because Redis was emptied, fell back to an older copy or was not told, is set
// right from the database. Where Redis does not answer, or does not know, the database is asked straight away.
type cache struct {
	client  *redis.Client // nil: the shop has none
	trusted atomic.Bool   // since it last failed, every counter was set right
	broken  defects
	log     *slog.Logger
}

const (
	cachePatience = 300 * time.Millisecond // for one answer
	cacheRepair   = 250 * time.Millisecond // between two looks whether it is right
)

func openCache(options *redis.Options, broken defects, log *slog.Logger) *cache {
	c := &cache{broken: broken, log: log}
	if options == nil {
		return c
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = cachePatience, cachePatience, cachePatience
	options.PoolTimeout, options.PoolSize = cachePatience, 64
	options.DialerRetries, options.MaxRetries = 1, -1 // a script that was not answered may have run
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	c.client = redis.NewClient(options)
	return c
}

func (c *cache) close() error {
	if c.client == nil {
		return nil
	}
	return c.client.Close()
}

// Every change of a counter moves its version on, by which a repair knows whether it comes too late.
var (
	takeUnits = redis.NewScript(`
local left = tonumber(redis.call('GET', KEYS[1]))
if not left then return 'unknown' end
if left < tonumber(ARGV[1]) then return 'sold out' end
redis.call('DECRBY', KEYS[1], ARGV[1])
redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[3], ARGV[1], 'EX', 60)
return 'taken'`)

	giveUnits = redis.NewScript(`
if KEYS[3] and redis.call('DEL', KEYS[3]) == 0 then return 0 end
if redis.call('EXISTS', KEYS[1]) == 1 then
	redis.call('INCRBY', KEYS[1], ARGV[1])
	redis.call('INCR', KEYS[2])
end
return 1`)

	setUnits = redis.NewScript(`
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1`)
)

// stockKeys are a SKU's counter and version.
func stockKeys(sku string) []string { return []string{"{" + sku + "}:left", "{" + sku + "}:version"} }

// taken are units that an order has taken from a counter, under a name of their own by which they can be put back.
type taken struct {
	name, sku string
	units     int64
}

// take takes units of a SKU, and reports false only if there are not so many.
func (c *cache) take(ctx context.Context, sku string, units int64) (held taken, enough bool) {
	if c.client == nil || !c.trusted.Load() {
		return held, true
	}
	held = taken{"{" + sku + "}:taken:" + rand.Text(), sku, units}
	told, err := takeUnits.Run(ctx, c.client, append(stockKeys(sku), held.name), units).Text()
	if err != nil {
		c.fail(err)
		return held, true // whether it was taken is not known, and no matter: putting it back tells
	}
	return held, told != "sold out"
}

// putBack undoes take: once, and only if it had taken anything.
func (c *cache) putBack(ctx context.Context, held taken) {
	if held.name == "" {
		return
	}
	if err := giveUnits.Run(ctx, c.client, append(stockKeys(held.sku), held.name), held.units).Err(); err != nil {
		c.fail(err)
	}
}

// give adds units that are on sale again.
func (c *cache) give(ctx context.Context, sku string, units int64) {
	if c.client == nil {
		return
	}
	if err := giveUnits.Run(ctx, c.client, stockKeys(sku), units).Err(); err != nil {
		c.fail(err)
	}
}

func (c *cache) fail(err error) {
	if c.broken.has("D25") { // it will never be set right, so there is nothing to wait for
		return
	}
	if c.trusted.Swap(false) {
		c.log.Warn("cache", "error", err)
	}
}

// keep sets the counters right until ctx ends.
func (c *cache) keep(ctx context.Context, from store) error {
	if c.client == nil {
		return nil
	}
	tick := time.NewTicker(cacheRepair)
	defer tick.Stop()
	for {
		if err := c.repair(ctx, from); err != nil && ctx.Err() == nil {
			c.log.Warn("compare the cache with the database", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// left is how many units of a SKU the database has.
type left struct {
	sku   string
	units int64
}

// repair compares each counter with the database, and sets those that differ. It looks at the version before it looks at
// the database: if the counter moves meanwhile, the comparison is worth nothing, and the next one comes. So a counter is
// at most too high for a while, which costs the database a question; and one that stands still at too few is found.
func (c *cache) repair(ctx context.Context, from store) error {
	skus, err := all(ctx, from, value[string], `SELECT sku FROM skus`)
	if err != nil || len(skus) == 0 {
		return err
	}
	keys := make([]string, 0, 2*len(skus))
	for _, sku := range skus {
		keys = append(keys, stockKeys(sku)...)
	}
	had, err := c.client.MGet(ctx, keys...).Result()
	if err != nil {
		c.fail(err)
		return nil
	}
	before := map[string][]any{}
	for i, sku := range skus {
		before[sku] = had[2*i : 2*i+2]
	}
	rows, err := all(ctx, from, func(row row, l *left) error { return row.Scan(&l.sku, &l.units) }, c.supposed())
	if err != nil {
		return err
	}
	right := true
	for _, row := range rows {
		seen, known := before[row.sku]
		if !known || seen[0] == strconv.FormatInt(row.units, 10) || seen[0] != nil && (c.broken.has("D25") || c.broken.has("D41")) {
			continue
		}
		version, _ := seen[1].(string) // "" if it has none
		set, err := setUnits.Run(ctx, c.client, stockKeys(row.sku), version, row.units).Bool()
		if err != nil {
			c.fail(err)
			return nil
		}
		right = right && set
	}
	if right {
		c.trusted.Store(true)
	}
	return nil
}

// supposed asks what the counters should say. D41 begins anew, as shops do that load the goods of a sale into Redis and sell
// from there alone (https://github.com/codingXiaxw/seckill/issues/16).
func (c *cache) supposed() string {
	if c.broken.has("D41") {
		return `SELECT sku, available + reserved + sold FROM skus`
	}
	return `SELECT sku, available FROM skus`
}

package flashshop

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// config is what the shop is configured with, whoever its provider is. It comes from the environment and from nowhere
// else; what a provider needs beside it is where that provider is (provider_*.go).
type config struct {
	addr           string         // ADDR, default 127.0.0.1:8080
	db             string         // DATABASE_URL, a PostgreSQL database, or DB, a SQLite file, default shop.db
	redis          *redis.Options // REDIS_URL, a cache of the stock; none if it is not set
	provider       string         // PROVIDER, default standard
	callbackURL    string         // CALLBACK_URL; a payment's notify_url is this, "/" and the order's id
	channelTimeout time.Duration  // CHANNEL_TIMEOUT, of one call, default 800ms
	roots          *x509.CertPool // CHANNEL_CA, a PEM file of roots that are trusted beside the system's
	mailURL        string         // MAIL_URL, where confirmation mails are posted; "" sends none
	expiry         time.Duration  // ORDER_EXPIRY, how long an order may stay unpaid, default 15m
	queryAfter     time.Duration  // QUERY_AFTER, silence after which the provider is asked, default 10s
	refundRetry    time.Duration  // REFUND_RETRY, pause before a refund is pursued again, default 10s
	workEvery      time.Duration  // WORK_EVERY, between two looks at what is due, default 50ms
	clockOffset    string         // CLOCK_OFFSET_FILE, by how much this machine's clock is said to be off
	defects        defects        // DEFECTS, a comma-separated list
}

// variables reads an environment, and collects everything that is wrong with it.
type variables struct {
	env    func(string) string
	faults []error
}

func (v *variables) wrong(name string, err error) {
	v.faults = append(v.faults, fmt.Errorf("%s: %w", name, err))
}

func (v *variables) required(name string) string {
	value := strings.TrimSpace(v.env(name))
	if value == "" {
		v.faults = append(v.faults, fmt.Errorf("%s is not set", name))
	}
	return value
}

// url is a required address, without the slash at its end.
func (v *variables) url(name string) string { return strings.TrimSuffix(v.required(name), "/") }

func (v *variables) duration(name string, otherwise time.Duration) time.Duration {
	if v.env(name) == "" {
		return otherwise
	}
	value, err := time.ParseDuration(v.env(name))
	if err != nil || value <= 0 {
		v.faults = append(v.faults, fmt.Errorf("%s=%q: want a duration above zero, such as 10s", name, v.env(name)))
	}
	return value
}

// certificates are the system's roots and those of the file that a variable names; nil if it names none.
func (v *variables) certificates(name string) *x509.CertPool {
	path := v.env(name)
	if path == "" {
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	text, err := os.ReadFile(path)
	if err == nil && !pool.AppendCertsFromPEM(text) {
		err = fmt.Errorf("%s has no certificate", path)
	}
	if err != nil {
		v.wrong(name, err)
	}
	return pool
}

// redis is how to reach a cache; nil if the variable is not set.
func (v *variables) redis(name string) *redis.Options {
	if v.env(name) == "" {
		return nil
	}
	options, err := redis.ParseURL(v.env(name))
	if err != nil {
		v.wrong(name, err)
	}
	return options
}

// readConfig reads the environment. What is wrong with it is collected there.
func readConfig(v *variables) config {
	broken, err := parseDefects(v.env("DEFECTS"))
	if err != nil {
		v.faults = append(v.faults, err)
	}
	return config{
		addr:           cmp.Or(v.env("ADDR"), "127.0.0.1:8080"),
		db:             cmp.Or(v.env("DATABASE_URL"), v.env("DB"), "shop.db"),
		redis:          v.redis("REDIS_URL"),
		provider:       cmp.Or(v.env("PROVIDER"), "standard"),
		callbackURL:    v.url("CALLBACK_URL"),
		channelTimeout: v.duration("CHANNEL_TIMEOUT", 800*time.Millisecond),
		roots:          v.certificates("CHANNEL_CA"),
		mailURL:        v.env("MAIL_URL"),
		expiry:         v.duration("ORDER_EXPIRY", 15*time.Minute),
		queryAfter:     v.duration("QUERY_AFTER", 10*time.Second),
		refundRetry:    v.duration("REFUND_RETRY", 10*time.Second),
		workEvery:      v.duration("WORK_EVERY", pollEvery),
		clockOffset:    v.env("CLOCK_OFFSET_FILE"),
		defects:        broken,
	}
}

// err is everything that was found wrong.
func (v *variables) err() error { return errors.Join(v.faults...) }

// soon is the pause before something unknown is asked again while somebody waits for it.
func (c config) soon() time.Duration {
	return min(max(c.queryAfter/4, 100*time.Millisecond), 5*time.Second)
}

// watch is how long a closed order is still looked at: a request that was in flight when it was closed is over by then.
func (c config) watch() time.Duration { return 2*c.channelTimeout + c.queryAfter }

// claimed is how long an item stays with the worker that has claimed it. By then its work is done, or its worker is dead;
// should both be wrong, it is worked twice, which the books bear.
func (c config) claimed() time.Duration { return 2*c.channelTimeout + writePatience }

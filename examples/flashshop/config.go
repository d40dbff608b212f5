package flashshop

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// config is the shop's configuration. It comes from the environment and from nowhere else.
type config struct {
	addr           string        // ADDR, default 127.0.0.1:8080
	db             string        // DB, the SQLite file, default shop.db
	channelURL     string        // CHANNEL_URL, where the payment channel is
	channelKey     string        // CHANNEL_KEY, the shop's API key there
	callbackSecret string        // CALLBACK_SECRET, whsec_…, under which callbacks are signed
	merchant       string        // MERCHANT, the shop's own number at the channel
	callbackURL    string        // CALLBACK_URL; a payment's notify_url is this, "/" and the order's id
	mailURL        string        // MAIL_URL, where confirmation mails are posted; "" sends none
	expiry         time.Duration // ORDER_EXPIRY, how long an order may stay unpaid, default 15m
	queryAfter     time.Duration // QUERY_AFTER, silence after which the channel is asked, default 10s
	refundRetry    time.Duration // REFUND_RETRY, pause before a refund is pursued again, default 10s
	channelTimeout time.Duration // CHANNEL_TIMEOUT, of one call, default 800ms
	defects        defects       // DEFECTS, a comma-separated list
}

// readConfig reads the environment and tells everything that is wrong with it at once.
func readConfig(env func(string) string) (config, error) {
	var faults []error
	required := func(name string) string {
		value := strings.TrimSpace(env(name))
		if value == "" {
			faults = append(faults, fmt.Errorf("%s is not set", name))
		}
		return value
	}
	duration := func(name string, otherwise time.Duration) time.Duration {
		if env(name) == "" {
			return otherwise
		}
		value, err := time.ParseDuration(env(name))
		if err != nil || value <= 0 {
			faults = append(faults, fmt.Errorf("%s=%q: want a duration above zero, such as 10s", name, env(name)))
		}
		return value
	}
	broken, err := parseDefects(env("DEFECTS"))
	if err != nil {
		faults = append(faults, err)
	}
	return config{
		addr:           cmp.Or(env("ADDR"), "127.0.0.1:8080"),
		db:             cmp.Or(env("DB"), "shop.db"),
		channelURL:     strings.TrimSuffix(required("CHANNEL_URL"), "/"),
		channelKey:     required("CHANNEL_KEY"),
		callbackSecret: required("CALLBACK_SECRET"),
		merchant:       required("MERCHANT"),
		callbackURL:    strings.TrimSuffix(required("CALLBACK_URL"), "/"),
		mailURL:        env("MAIL_URL"),
		expiry:         duration("ORDER_EXPIRY", 15*time.Minute),
		queryAfter:     duration("QUERY_AFTER", 10*time.Second),
		refundRetry:    duration("REFUND_RETRY", 10*time.Second),
		channelTimeout: duration("CHANNEL_TIMEOUT", 800*time.Millisecond),
		defects:        broken,
	}, errors.Join(faults...)
}

// soon is the pause before something unknown is asked again while somebody waits for it.
func (c config) soon() time.Duration {
	return min(max(c.queryAfter/4, 100*time.Millisecond), 5*time.Second)
}

// watch is how long a closed order is still looked at: a request that was in flight when it was closed is over by then.
func (c config) watch() time.Duration { return 2*c.channelTimeout + c.queryAfter }

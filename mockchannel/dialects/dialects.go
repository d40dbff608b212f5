// Package dialects lists the ways in which the channel can speak.
package dialects

import (
	"fmt"
	"strings"

	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/alipay"
	"github.com/paystorm/paystorm/mockchannel/standard"
	"github.com/paystorm/paystorm/mockchannel/stripe"
	"github.com/paystorm/paystorm/mockchannel/wechatpay"
)

// All are the dialects that a system file may ask for. One line each.
func All() []mockchannel.Dialect {
	return []mockchannel.Dialect{
		alipay.New(alipay.Settings{BillsAtOnce: true}), // a run is over before the next day
		standard.New(),
		stripe.New(),
		wechatpay.New(),
	}
}

// Named is the dialect of that name. An unknown one is an error that lists those that there are.
func Named(name string) (mockchannel.Dialect, error) {
	var names []string
	for _, dialect := range All() {
		if dialect.Name() == name {
			return dialect, nil
		}
		names = append(names, dialect.Name())
	}
	return nil, fmt.Errorf("dialect %q: there are %s", name, strings.Join(names, ", "))
}

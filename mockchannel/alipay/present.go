package alipay

import (
	"math/big"
	"net/url"
	"strings"

	"github.com/paystorm/paystorm/mockchannel"
)

// codePrefix begins the text of a code, which is the trade's number in the digits of base 36.
const codePrefix = "https://qr.alipay.com/bax"

func codeOf(id string) string {
	number, _ := new(big.Int).SetString(id, 10) // the dialect made it of digits
	return codePrefix + number.Text(36)
}

func codedID(code string) (string, bool) {
	number, ok := new(big.Int).SetString(strings.TrimPrefix(code, codePrefix), 36)
	if !ok || number.Sign() < 0 {
		return "", false
	}
	return number.String(), true
}

// Presented finds the payment of a scanned code, of a signed address of the gateway or an order string, which makes the
// trade as a browser or the wallet would, of the merchant's out_trade_no, or of a trade_no. By the first two the buyer is
// at the cashier, so the trade exists.
func (d *dialect) Presented(channel *mockchannel.Channel, handed string) (string, error) {
	if strings.HasPrefix(handed, codePrefix) {
		id, ok := codedID(handed)
		if !ok {
			return "", errNoTrade()
		}
		return begun(channel, id)
	}
	if strings.Contains(handed, "method=") {
		return d.opened(channel, handed)
	}
	if _, found := channel.Find(handed); found {
		return handed, nil
	}
	for _, merchant := range channel.Merchants() {
		if p, found := channel.FindByOrder(merchant.ID, handed); found {
			return p.ID, nil
		}
	}
	return "", errNoTrade()
}

// opened is the cashier opened by an address or an order string.
func (d *dialect) opened(channel *mockchannel.Channel, handed string) (string, error) {
	if address, err := url.Parse(handed); err == nil && address.IsAbs() {
		handed = address.RawQuery
	}
	list, refused := split(handed)
	r := &request{dialect: d, channel: channel, parameters: list}
	if refused == nil {
		refused = r.open()
	}
	if refused == nil && !isPage(r.method) {
		refused = refusal("isv.invalid-method", r.method)
	}
	if refused != nil {
		return "", refused
	}
	wanted, err := r.wanted()
	if err != nil {
		return "", err
	}
	p, err := r.place(channel.Call(r.merchant), wanted, longest)
	if p.ID == "" {
		return "", err
	}
	return begun(channel, p.ID)
}

// begun marks that the buyer is at the cashier. A trade that can no longer be paid says so when it is paid.
func begun(channel *mockchannel.Channel, id string) (string, error) {
	if _, found := channel.Find(id); !found {
		return "", errNoTrade()
	}
	_, _ = channel.Begin(id)
	return id, nil
}

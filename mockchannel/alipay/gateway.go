package alipay

import (
	"net/http"

	"github.com/paystorm/paystorm/mockchannel"
)

// The methods of the gateway.
const (
	methodPage        = "alipay.trade.page.pay"
	methodWap         = "alipay.trade.wap.pay"
	methodApp         = "alipay.trade.app.pay"
	methodPrecreate   = "alipay.trade.precreate"
	methodCreate      = "alipay.trade.create"
	methodPay         = "alipay.trade.pay"
	methodQuery       = "alipay.trade.query"
	methodClose       = "alipay.trade.close"
	methodCancel      = "alipay.trade.cancel"
	methodRefund      = "alipay.trade.refund"
	methodRefundQuery = "alipay.trade.fastpay.refund.query"
	methodBill        = "alipay.data.dataservice.bill.downloadurl.query"
	methodCertificate = "alipay.open.app.alipaycert.download"
)

// method is what the gateway does for one of them.
type method struct {
	operation mockchannel.Operation
	// prepare checks a request before anything is asked or changed, and says what to do. Its errors are *mockchannel.Error.
	prepare func(*request) (mockchannel.MerchantRequest, error)
}

// methodOf is nil for a method that there is not.
func methodOf(name string) *method {
	switch name {
	case methodPage, methodWap, methodApp:
		return &method{mockchannel.OpCreate, openCashier}
	case methodPrecreate:
		return &method{mockchannel.OpCreate, precreate}
	case methodCreate:
		return &method{mockchannel.OpCreate, createTrade}
	case methodPay:
		return &method{mockchannel.OpCreate, payByCode}
	case methodQuery:
		return &method{mockchannel.OpQuery, queryTrade}
	case methodClose:
		return &method{mockchannel.OpClose, closeTrade}
	case methodCancel:
		return &method{mockchannel.OpClose, cancelTrade}
	case methodRefund:
		return &method{mockchannel.OpRefund, refundTrade}
	case methodRefundQuery:
		return &method{mockchannel.OpRefundQuery, queryRefund}
	case methodBill:
		return &method{mockchannel.OpBill, queryBill}
	case methodCertificate:
		return &method{"", downloadCertificate}
	default:
		return nil
	}
}

func known(name string) bool { return methodOf(name) != nil }

// makesTrades says of a method that it makes a trade, or shows it to its buyer again.
func makesTrades(name string) bool {
	found := methodOf(name)
	return found != nil && found.operation == mockchannel.OpCreate
}

// isPage says of a method that a buyer's browser asks, and not the merchant's server.
func isPage(name string) bool { return name == methodPage || name == methodWap || name == methodApp }

// MerchantHandler serves the gateway and the files of bills.
func (d *dialect) MerchantHandler(channel *mockchannel.Channel) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /gateway.do", func(w http.ResponseWriter, r *http.Request) { d.gateway(channel, w, r) })
	mux.HandleFunc("POST /gateway.do", func(w http.ResponseWriter, r *http.Request) { d.gateway(channel, w, r) })
	mux.HandleFunc("GET "+billPath, func(w http.ResponseWriter, r *http.Request) { d.fetchBill(channel, w, r) })
	return mux
}

// gateway authenticates and decodes, and hands the rest to the channel.
func (d *dialect) gateway(channel *mockchannel.Channel, w http.ResponseWriter, httpRequest *http.Request) {
	r := &request{dialect: d, channel: channel, gateway: origin(httpRequest)}
	list, refused := parameters(w, httpRequest)
	r.parameters = list
	if refused == nil {
		refused = r.open()
	}
	found := methodOf(r.method)
	if refused == nil && found == nil {
		refused = refusal("isv.invalid-method", r.method)
	}
	var operation mockchannel.Operation
	if found != nil {
		operation = found.operation
	}
	encode := r.refuse
	if isPage(r.method) {
		encode = r.refuseBuyer
	}
	if refused != nil {
		channel.Refuse(w, operation, encode(refused), refused)
		return
	}
	asked, err := found.prepare(r)
	if err != nil {
		refused := asError(err)
		channel.Refuse(w, operation, encode(refused), refused)
		return
	}
	asked.Merchant, asked.Operation, asked.Refuse = r.merchant, operation, encode
	channel.Serve(w, httpRequest, asked)
}

// origin is the scheme and host by which a client reached the channel, perhaps through a link.
func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

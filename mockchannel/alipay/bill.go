package alipay

import (
	"net/http"

	"github.com/paystorm/paystorm/mockchannel"
)

const billPath = "/downloadBillFile.resource"

func queryBill(r *request) (mockchannel.MerchantRequest, error) {
	return mockchannel.MerchantRequest{}, refusal("isp.bill_not_exist", "")
}

func (d *dialect) billFile(*mockchannel.Channel, http.ResponseWriter, *http.Request) {}

package wechatpay

import (
	"net/http"

	"github.com/paystorm/paystorm/mockchannel"
)

// certificateList is the answer of GET /v3/certificates.
type certificateList struct {
	Data []listedCertificate `json:"data"`
}

type listedCertificate struct {
	SerialNo           string `json:"serial_no"`
	EffectiveTime      string `json:"effective_time"`
	ExpireTime         string `json:"expire_time"`
	EncryptCertificate sealed `json:"encrypt_certificate"`
}

// listCertificates decodes GET /v3/certificates: the one that signs, and the one that will sign after it.
func listCertificates(r *request) (mockchannel.MerchantRequest, error) {
	return mockchannel.MerchantRequest{
		Do: func(*mockchannel.Call) (mockchannel.Answer, error) {
			var list certificateList
			for _, c := range r.keys.certificates {
				list.Data = append(list.Data, listedCertificate{
					SerialNo: c.serial, EffectiveTime: dated(c.from), ExpireTime: dated(c.until),
					EncryptCertificate: seal(r.keys.apiV3, []byte(c.pem), c.serial, "certificate"),
				})
			}
			return r.answer(http.StatusOK, list), nil
		},
	}, nil
}

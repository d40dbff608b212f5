package alipay

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"testing"
)

// What is known of the provider: its SDK's tests, alipay-sdk-nodejs-all, test/alipay.test.ts, test/antcertutil.test.ts and
// test/fixtures/.
const (
	// notifyAlipayPublicKeyV1, and a sign that it verifies
	vectorPublic = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqObrdC7hrgAVM98tK0nv3hSQRGGKT4lBsQjHiGjeYZjOPIPHR5knm2jnnz/YGIXI" +
		"ofVHkA/tAlBAd5DrY7YpvI4tP5EONLtZKC2ghBMx7McI2wRD0xiqzxOQr1FuhZGJ8/AUokBzJrzY+aGX2xcOrxFYRlFilvVLTXg4LWjR1tdP" +
		"kO6+i7wQZAIVMClPkwVRZEbaERRHlKqTzv2gGv5rDU8gRoe1LeaN+6BlbTqHWkQcNCUNrA8C6l17XAXGKDsm/9TFWwO8EPHHHCaQdjtV5/Fd" +
		"cWIt+L8SR1ss7EXTjYDFtxcKVv9rEoY1lX8T4mX+GbXfZHraG5NCF1+XioL5JwIDAQAB"
	vectorSign = "QfTb8tqE1BMhS5qAnXtvsF3/jBkEvu9q9en0pdbBUDDjvKycZhQb7h8GDs4FKfi049PynaNuatxSgLb/nLWZpXyyh0LEWdK2S6Ri7nPwrVgO" +
		"s08zugLO20vOQz44y3ti2Ncm8/wZts1Fr2gZ7pShnVX3d1B50hbsXnObT1r/U8ONNQjWXd0HIul4TG+Q3fm3svmSvFEy0WnzuhcyHPX5Gm4ELNctL6Qd5Yni" +
		"GJFNcc7kopHYtI/XD9YCKCH6Ct02rzUs9i11C9CsadtZn+WhxF26Dqt9sGEFajkJ8cxUTLi8+VCpLHsgPE8P0y095uQcDdK0YjCh4x7wVSov+lrmOQ=="
	// encryptKey, and the answer to alipay.open.auth.app.aes.set
	vectorAES    = "aYA0GP8JEW+D7/UFaskCWA=="
	vectorCipher = "4AOYHE0rpPnRnghunsGo+mY02DzANFLwNJJCiHfrNh2oaB2pn33PwOEOvH8mjhkE3Wh/jR+3jHM9nvoFvOsY/SqZbZzamRg9Eh3VkRqOhSM="
	vectorPlain  = `{"code":"10000","msg":"Success","aes_key":"cW8mcZgoMGUVp5g7uv7bHw=="}`
	// alipayCertPublicKey_RSA2.crt
	vectorSerial      = "7513daaaa48aa3ba2e4018d84402479c"
	vectorCertificate = `-----BEGIN CERTIFICATE-----
MIIDsjCCApqgAwIBAgIQICAFFOY8L+BNU4cW/iE1izANBgkqhkiG9w0BAQsFADCBgjELMAkGA1UE
BhMCQ04xFjAUBgNVBAoMDUFudCBGaW5hbmNpYWwxIDAeBgNVBAsMF0NlcnRpZmljYXRpb24gQXV0
aG9yaXR5MTkwNwYDVQQDDDBBbnQgRmluYW5jaWFsIENlcnRpZmljYXRpb24gQXV0aG9yaXR5IENs
YXNzIDIgUjEwHhcNMjAwNTE0MTQ0MjAxWhcNMjIwNTE0MTQ0MjAxWjCBkjELMAkGA1UEBhMCQ04x
LTArBgNVBAoMJOadreW3nueEleaXreS/oeaBr+aKgOacr+aciemZkOWFrOWPuDEPMA0GA1UECwwG
QWxpcGF5MUMwQQYDVQQDDDrmlK/ku5jlrp0o5Lit5Zu9Kee9kee7nOaKgOacr+aciemZkOWFrOWP
uC0yMDg4ODMxMjA0NjU5MjE3MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAhoVesfcG
vUv1XvUndmX0rmSZ/2posJBCooySbSVFpV79RtHMzrVz2aKkC3WvOXeT5iNeQK4mK8gp3vNkWrHT
kQGx5BcmkeO1WS384CQde7dAS0gmxeFs5bs+cCQqV2A2c2R9/5rJMtFtp1Ot/rIiMBUn6Ei0Uozt
M7AneavqQEzSwYlCKNhPFFtHCiz7u4O5R9CIyvUmYr+zpem2HXBN9ygPAZ0aXBQipGbc45+G07ZC
NsmY4hV/Igya1aBf+Ye8p10Ew8uBBri0sIknhSC2LqKKy2IH1fO6q1d1jhN240QRHvbpRNv60kAf
ZsEulBASBrCMBi49NiJyr5nre7SNywIDAQABoxIwEDAOBgNVHQ8BAf8EBAMCA/gwDQYJKoZIhvcN
AQELBQADggEBAEx9T99X9NhDZYXDftc0wH0Tc5OVRIqWTYBN/KEP1df+Ix5djcDrUUcXJMvprMw3
frUymgJsf7YUgZ1+dMz+Gup5dCH3qUu/5c9R3d8senb4wCiYR2FpJ3WGIONwInNQTs04a2wM4JIM
CdCYWC/H1hdvNl9V4pYeMckTruSnPmJlL6E/pNF5AuIYP5AswZSOhASIQzt5Rr6QDz/YVGi2/6al
5Bknm2f9dmsZbWDapKDrlJ3Ny2B0SZ0H47Y7lRlaVNe+Jj1jsrv16ONk1XLt71jyWyPAIlITLcyX
mMtT1IympPFRxBIngEImjGt6d1VUtkf61Cjpr0bRRDoZXvWRv5U=
-----END CERTIFICATE-----`
)

// vectorNotification is one that the provider sent, with sign and sign_type taken out.
func vectorNotification() []pair {
	return []pair{
		{"gmt_create", "2019-08-15 15:56:22"},
		{"charset", "utf-8"},
		{"seller_email", "z97-yuquerevenue@service.aliyun.com"},
		{"subject", "语雀空间 500人规模"},
		{"buyer_id", "2088102534368455"},
		{"invoice_amount", "0.10"},
		{"notify_id", "2019081500222155624068450559358070"},
		{"fund_bill_list", `[{"amount":"0.10","fundChannel":"ALIPAYACCOUNT"}]`},
		{"notify_type", "trade_status_sync"},
		{"trade_status", "TRADE_SUCCESS"},
		{"receipt_amount", "0.10"},
		{"buyer_pay_amount", "0.10"},
		{"app_id", "2019073166072302"},
		{"seller_id", "2088531891668739"},
		{"gmt_payment", "2019-08-15 15:56:24"},
		{"notify_time", "2019-08-15 15:56:25"},
		{"version", "1.0"},
		{"out_trade_no", "20190815155618536-564-57"},
		{"total_amount", "0.10"},
		{"trade_no", "2019081522001468450512505578"},
		{"auth_app_id", "2019073166072302"},
		{"buyer_logon_id", "xud***@126.com"},
		{"point_amount", "0.00"},
	}
}

func TestVerifyANotificationOfTheProvider(t *testing.T) {
	key, err := parsePublic(vectorPublic)
	if err != nil {
		t.Fatal(err)
	}
	change := func(key, value string) []pair { return append(vectorNotification(), pair{key, value}) }
	for name, test := range map[string]struct {
		fields []pair
		sign   string
		want   error
	}{
		"as it was":             {vectorNotification(), vectorSign, nil},
		"with what is not said": {change("body", ""), vectorSign, nil},
		"with its sign":         {append(change("sign", vectorSign), pair{"sign_type", "RSA2"}), vectorSign, nil},
		"with a field more":     {change("refund_fee", "0.10"), vectorSign, ErrSignature},
		"without a field":       {vectorNotification()[1:], vectorSign, ErrSignature},
		"without a signature":   {vectorNotification(), "", ErrSignature},
		"with no base64":        {vectorNotification(), "*", ErrSignatureText},
	} {
		t.Run(name, func(t *testing.T) {
			if err := verify(key, []byte(base(test.fields, "sign", "sign_type")), test.sign); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestDecryptAnAnswerOfTheProvider(t *testing.T) {
	var key []byte
	if err := json.Unmarshal([]byte(`"`+vectorAES+`"`), &key); err != nil {
		t.Fatal(err)
	}
	plain, err := decrypt(key, vectorCipher)
	if err != nil || string(plain) != vectorPlain {
		t.Errorf("decrypted %q, %v", plain, err)
	}
	if cipher, err := encrypt(key, []byte(vectorPlain)); err != nil || cipher != vectorCipher {
		t.Errorf("encrypted %q, %v", cipher, err)
	}
	for _, wrong := range []string{"", "*", "AAAA", vectorCipher[:len(vectorCipher)-24], vectorCipher[4:]} {
		if plain, err := decrypt(key, wrong); !errors.Is(err, ErrEncryption) {
			t.Errorf("%q decrypted to %q, %v", wrong, plain, err)
		}
	}
}

func TestSerialNumberOfTheProvidersCertificate(t *testing.T) {
	block, _ := pem.Decode([]byte(vectorCertificate))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if got := serialNumber(certificate); got != vectorSerial {
		t.Errorf("got %s, want %s", got, vectorSerial)
	}
}

func TestYuan(t *testing.T) {
	for text, want := range map[string]int64{"0.01": 1, "1": 100, "1.5": 150, "88.88": 8888, "100000000.00": mostFen, "00.10": 10} {
		if got, ok := parseYuan(text); !ok || got != want {
			t.Errorf("%q is %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", ".", "1.", ".5", "1.005", "-1", "+1", "1e2", "１", "1,5", "0x1", " 1", "1234567890123"} {
		if got, ok := parseYuan(text); ok {
			t.Errorf("%q is %d", text, got)
		}
	}
	for fen, want := range map[int64]string{0: "0.00", 1: "0.01", 110: "1.10", -8888: "-88.88", mostFen: "100000000.00"} {
		if got := yuan(fen); got != want {
			t.Errorf("%d is %q", fen, got)
		}
	}
}

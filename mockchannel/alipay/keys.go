package alipay

import (
	"crypto/md5" // the provider's serial numbers of certificates
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/paystorm/paystorm/mockchannel"
)

// keys are what the two sides of one merchant know of each other.
type keys struct {
	appID, sellerID string
	app             *rsa.PublicKey
	alipay          *rsa.PrivateKey
	aes             []byte
	certificates
}

// The names of the credentials.
const (
	credentialAppID         = "app_id"
	credentialSeller        = "seller_id"
	credentialAppPrivate    = "app_private_key"
	credentialAppPKCS1      = "app_private_key_pkcs1"
	credentialAppPublic     = "app_public_key"
	credentialAlipayPublic  = "alipay_public_key"
	credentialAlipayPrivate = "alipay_private_key"
	credentialAES           = "aes_key"
	credentialAppCert       = "app_cert"
	credentialAlipayCert    = "alipay_cert"
	credentialRootCert      = "alipay_root_cert"
)

// Credentials are described in the package's documentation.
func (*dialect) Credentials() []string {
	return []string{
		credentialAppID, credentialSeller, credentialAppPrivate, credentialAppPKCS1, credentialAppPublic, credentialAlipayPublic,
		credentialAlipayPrivate, credentialAES, credentialAppCert, credentialAlipayCert, credentialRootCert,
	}
}

// Issue takes app_id, seller_id, aes_key, the app's key (private in either form, or only the public one) and
// alipay_private_key, or makes them. The other credentials follow from these.
func (d *dialect) Issue(id string, given map[string]string) (mockchannel.Merchant, error) {
	k := &keys{appID: given[credentialAppID], sellerID: given[credentialSeller]}
	if k.appID == "" {
		k.appID = appNumber(id)
	}
	if k.sellerID == "" {
		k.sellerID = userNumber(id)
	}
	told := map[string]string{credentialAppID: k.appID, credentialSeller: k.sellerID}
	if err := errors.Join(d.appKey(k, given, told), d.alipayKey(k, given, told), k.aesKey(given, told)); err != nil {
		return mockchannel.Merchant{}, err
	}
	if err := k.certify(told); err != nil {
		return mockchannel.Merchant{}, fmt.Errorf("certificates: %w", err)
	}
	return mockchannel.Merchant{ID: id, APIKey: k.appID, Keys: k, Told: told}, nil
}

// appKey takes or makes the merchant's key. The channel itself needs the public one only.
func (d *dialect) appKey(k *keys, given, told map[string]string) error {
	private := given[credentialAppPrivate]
	if private == "" {
		private = given[credentialAppPKCS1]
	}
	if public := given[credentialAppPublic]; public != "" && private == "" {
		key, err := parsePublic(public)
		if err != nil {
			return fmt.Errorf("%s: %w", credentialAppPublic, err)
		}
		k.app, told[credentialAppPublic] = key, public
		return nil
	}
	key, err := d.parseOrMake(private)
	if err != nil {
		return fmt.Errorf("%s: %w", credentialAppPrivate, err)
	}
	k.app = &key.PublicKey
	told[credentialAppPrivate], err = encodePrivate(key)
	told[credentialAppPKCS1] = base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(key))
	told[credentialAppPublic] = encodePublic(&key.PublicKey)
	return err
}

func (d *dialect) alipayKey(k *keys, given, told map[string]string) error {
	key, err := d.parseOrMake(given[credentialAlipayPrivate])
	if err != nil {
		return fmt.Errorf("%s: %w", credentialAlipayPrivate, err)
	}
	k.alipay = key
	told[credentialAlipayPrivate], err = encodePrivate(key)
	told[credentialAlipayPublic] = encodePublic(&key.PublicKey)
	return err
}

func (k *keys) aesKey(given, told map[string]string) error {
	text := given[credentialAES]
	if text == "" {
		fresh := make([]byte, 16)
		_, _ = rand.Read(fresh) // never fails: crypto/rand ends the program first
		text = base64.StdEncoding.EncodeToString(fresh)
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != 16 {
		return fmt.Errorf("%s: want 16 bytes in base64", credentialAES)
	}
	k.aes, told[credentialAES] = key, text
	return nil
}

func (d *dialect) parseOrMake(text string) (*rsa.PrivateKey, error) {
	if text == "" {
		return rsa.GenerateKey(rand.Reader, d.settings.KeyBits)
	}
	der, err := unarmoured(text)
	if err != nil {
		return nil, err
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("want an RSA key by PKCS #8 or PKCS #1: %w", err)
	}
	key, isRSA := parsed.(*rsa.PrivateKey)
	if !isRSA {
		return nil, errors.New("this is no RSA key")
	}
	return key, nil
}

func parsePublic(text string) (*rsa.PublicKey, error) {
	der, err := unarmoured(text)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("want an X.509 public key: %w", err)
	}
	key, isRSA := parsed.(*rsa.PublicKey)
	if !isRSA {
		return nil, errors.New("this is no RSA key")
	}
	return key, nil
}

// unarmoured is a key's DER, given as PEM or as the bare base64 that the provider's tools hand out.
func unarmoured(text string) ([]byte, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return block.Bytes, nil
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, fmt.Errorf("want PEM or base64: %w", err)
	}
	return der, nil
}

func encodePrivate(key *rsa.PrivateKey) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return base64.StdEncoding.EncodeToString(der), err
}

func encodePublic(key *rsa.PublicKey) string {
	der, _ := x509.MarshalPKIXPublicKey(key) // an RSA key always encodes
	return base64.StdEncoding.EncodeToString(der)
}

// appNumber and userNumber are numbers of the provider's form for something that has another name here.
func appNumber(name string) string  { return "2021" + digitsOf("app "+name) }
func userNumber(name string) string { return "2088" + digitsOf("user "+name) }

// digitsOf are twelve digits that are always the same for a name.
func digitsOf(name string) string {
	sum := md5.Sum([]byte(name))
	number, _ := strconv.ParseUint(hex.EncodeToString(sum[:7]), 16, 64) // 56 bits always parse
	return fmt.Sprintf("%012d", number%1e12)
}

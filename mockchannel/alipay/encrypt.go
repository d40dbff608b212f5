package alipay

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
)

// ErrEncryption is of a text that is not encrypted as it should be.
var ErrEncryption = errors.New("want AES-CBC with PKCS #7 padding in base64, by the merchant's aes_key")

// encrypt is AES-128 in CBC mode, with an initial vector of zeros and PKCS #7 padding, in base64
// (opendocs.alipay.com/common/02mse3; alipay-sdk-nodejs-all, src/util.ts).
func encrypt(key, plain []byte) (string, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", err
	}
	padding := aes.BlockSize - len(plain)%aes.BlockSize
	padded := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(padded, padded)
	return base64.StdEncoding.EncodeToString(padded), nil
}

func decrypt(key []byte, text string) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	padded, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(padded) == 0 || len(padded)%aes.BlockSize != 0 {
		return nil, ErrEncryption
	}
	cipher.NewCBCDecrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(padded, padded)
	padding := int(padded[len(padded)-1])
	if padding == 0 || padding > aes.BlockSize || padding > len(padded) {
		return nil, ErrEncryption
	}
	plain := padded[:len(padded)-padding]
	if !bytes.Equal(padded[len(plain):], bytes.Repeat([]byte{byte(padding)}, padding)) {
		return nil, ErrEncryption
	}
	return plain, nil
}

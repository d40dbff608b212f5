//go:build sdk

package sdktest_test

import (
	"testing"

	"github.com/paystorm/paystorm/mockchannel/wechatpay"
)

func TestWechatpayAxiosPlugin(t *testing.T) {
	channel := serve(t, wechatpay.New(wechatpay.Settings{}), nil)
	channel.node(t, "wechatpay.test.mjs", map[string]string{"CHANNEL_PAY_URL": channel.url + "/pay"})
}

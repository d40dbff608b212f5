// Package alipay is the dialect of Alipay's open platform: one gateway, forms in, JSON in signed envelopes out, and
// notifications as signed forms. A shop that uses one of the provider's SDKs is pointed at the channel by the SDK's
// gateway setting and needs no other change. Amounts are yuan as text, currency CNY; times are GMT+8.
//
// Sources are in brackets: [common/…] and the like are pages of opendocs.alipay.com; [node] is the SDK
// alipay-sdk-nodejs-all 4.14.0; [smartwalle] is github.com/smartwalle/alipay 6ff099b; [T] is third parties only, and then
// the rule is a field of Settings, or a remark here.
//
// # Credentials
//
//	app_id, seller_id        numbers that begin with 2021 and 2088
//	app_private_key          the app's key by PKCS #8, in base64 without PEM armour: what Java's SDK wants, alipay-sdk for
//	                         Node with keyType PKCS8, and the Go SDKs in either form
//	app_private_key_pkcs1    the same by PKCS #1: alipay-sdk for Node by default
//	app_public_key           its public key, X.509 in base64; given alone, the channel verifies and tells no private key
//	alipay_public_key        the provider's public key, X.509 in base64: it verifies answers and notifications
//	alipay_private_key       its private key, PKCS #8, which no shop needs: given again, the next channel has the same
//	                         public key and the same certificates; one of 1024 bits signs three times as fast, for loads
//	                         in which the mock's own signatures would be the limit
//	aes_key                  16 bytes in base64, for encrypt_type=AES
//	app_cert, alipay_cert, alipay_root_cert    PEM, for certificate mode; they follow from the keys
//
// # The gateway
//
// GET or POST /gateway.do, application/x-www-form-urlencoded; the SDKs put some parameters into the query and some into
// the body, and both count [node, alipay.ts, formatUrl]. A parameter that comes twice is refused. Public parameters
// [common/02kf5q]: app_id, method, sign_type=RSA2, sign, timestamp (any time in the right form), version, charset (UTF-8
// only), format, biz_content, notify_url, return_url. sign is over all parameters but itself that have a value, sorted by
// name, joined as k=v by &, not escaped.
//
// A request with app_cert_sn and alipay_root_cert_sn is in certificate mode, and so is its answer; serial numbers are MD5
// of the issuer's name and the decimal serial number [node, antcertutil.ts]. With encrypt_type=AES biz_content and the
// answer's content are AES-128-CBC with an initial vector of zeros, in base64 [common/02mse3]; the answer's signature
// covers the text with its quotation marks [common/02mse3].
//
//	{"alipay_trade_query_response":{"code":"10000","msg":"Success",…},"sign":"…"}
//	{"alipay_trade_query_response":{…},"alipay_cert_sn":"…","sign":"…"}    in certificate mode
//
// The HTTP status is always 200. sign is over the exact bytes of the content. The name of the root comes once: in texts of
// merchants that contain it a letter is escaped, or SDKs that cut by searching for it would cut wrongly.
//
// Errors have code, msg, sub_code and sub_msg [common/02km9f]: 20000 isp.unknow-error (the result is unknown), 40001
// isv.missing-…, 40002 isv.invalid-…, 40004 ACQ.…, 40005 isv.app-call-limited. They are signed, isv.invalid-signature too
// [node, alipay.ts, formatExecHttpResponse]. Whose app_id is missing or unknown gets an unsigned one, under the method's
// root, or under error_response if the method is missing or unknown: there is no key to sign with.
//
// # Methods
//
// biz_content is a JSON object; unknown members are ignored, and numbers do where strings are wanted.
//
//	alipay.trade.precreate           out_trade_no (1–64 of [A-Za-z0-9_]), total_amount (0.01–100000000), subject
//	    [, body, passback_params, time_expire, timeout_express, qr_code_timeout_express]
//	    → out_trade_no, qr_code. The same again gets the same code; another amount or subject ACQ.CONTEXT_INCONSISTENT;
//	    a paid or closed one ACQ.TRADE_HAS_SUCCESS, ACQ.TRADE_HAS_CLOSE. The code is good for two hours.
//	alipay.trade.page.pay, wap.pay, app.pay    the same → a page with the cashier, whose buttons pay or decline and send
//	    the browser to return_url, with app_id, auth_app_id, charset, method, out_trade_no, seller_id, sign_type,
//	    timestamp, total_amount, trade_no, version and sign, signed like a notification. Errors are pages too.
//	alipay.trade.create              + buyer_id or buyer_open_id → out_trade_no, trade_no
//	alipay.trade.pay                 + auth_code (16–24 digits, 25… to 30…; else ACQ.PAYMENT_AUTH_CODE_INVALID)
//	    → 10000 and the trade, or 10003 above Settings.PasswordAbove [T]: the buyer must still pay
//	alipay.trade.query               out_trade_no or trade_no, which goes first [, query_options] → the trade
//	alipay.trade.close               the same → trade_no, out_trade_no; only of WAIT_BUYER_PAY, else ACQ.TRADE_STATUS_ERROR
//	alipay.trade.cancel              the same → action close or refund, or none if there is no trade; retry_flag N
//	alipay.trade.refund              + refund_amount [, out_request_no, refund_reason] → fund_change, refund_fee, …
//	alipay.trade.fastpay.refund.query    + out_request_no [, query_options: gmt_refund_pay] → refund_status, refund_amount, …
//	alipay.data.dataservice.bill.downloadurl.query    bill_type=trade, bill_date → bill_download_url
//	alipay.open.app.alipaycert.download    alipay_cert_sn → alipay_cert_content
//
// A trade exists from the moment its buyer does something: scans the code, logs in at the cashier, or at once for create
// and pay. Until then query, close and refund answer ACQ.TRADE_NOT_EXIST, and a close that is answered so closes nothing:
// the code can still be scanned [T: developer.aliyun.com/ask/285458]. time_expire is a time of the wall clock;
// timeout_express and its like are business time, 15 days where nothing is said.
//
// States: WAIT_BUYER_PAY, TRADE_SUCCESS, TRADE_CLOSED, which is also a trade that was given back as a whole. There is no
// TRADE_FINISHED, three months later. total_amount is what was paid once something was.
//
// out_request_no is unique within its trade. Without one the amount must be the whole trade's, else
// ACQ.REFUND_AMT_NOT_EQUAL_TOTAL, and the number is out_trade_no; more than is left is ACQ.REASON_TRADE_REFUND_FEE_ERR
// [T: developer.aliyun.com/article/707486]; a number again with another amount ACQ.DISCORDANT_REPEAT_REQUEST. A refund
// that failed is tried anew when it is asked for again under its own number, which is how a merchant must do it [D:
// docs.open.alipay.com/api_1/alipay.trade.refund]. 10000 says that the refund was accepted. fund_change is Y if money
// moved by this very request, and N if it is under way or had moved before. refund_fee is all that has been given back
// so far. The refund query has refund_status=REFUND_SUCCESS for a refund that is done, and nothing but the code for any
// other.
//
// # Payer
//
// GET and POST /pay/{…} are the channel's own. A buyer may be handed, escaped as one segment: the text of the code; a
// signed address of the gateway, or an order string (app.pay), which makes the trade as the browser would; an
// out_trade_no; a trade_no. GET and POST /pay/{trade_no}/cashier are the cashier.
//
// # Notifications
//
// POST to the trade's notify_url, as a form: app_id, auth_app_id, body, buyer_id, buyer_logon_id, buyer_pay_amount, charset,
// fund_bill_list (JSON), gmt_create, gmt_payment, gmt_close, gmt_refund (with milliseconds), invoice_amount, notify_id,
// notify_time, notify_type=trade_status_sync, out_biz_no, out_trade_no, passback_params, point_amount, receipt_amount,
// refund_fee, seller_email, seller_id, sign, sign_type, subject, total_amount, trade_no, trade_status, version. None is ever
// empty. sign is over all but sign and sign_type, sorted, with decoded values [common/02mse7]. notify_id is constant over
// re-deliveries, notify_time and sign are not.
//
// TRADE_SUCCESS when it was paid, and again for each part that is given back; TRADE_CLOSED when the rest was; both then
// with refund_fee (of all refunds), gmt_refund and out_biz_no (the refund's number). TRADE_CLOSED without these when an
// unpaid trade was closed, of the products in Settings.Closes [T: developer.aliyun.com/ask/285132]. A refund that the
// provider makes by itself is told like any other, with a number of its own.
//
// Acknowledged is 200 with the body success: seven characters, small letters, nothing around them
// [open/270/105902]. Else it comes again by Settings.Retry.
package alipay

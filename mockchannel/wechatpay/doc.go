// Package wechatpay is WeChat Pay's API v3 for merchants of their own (not of a partner): what a merchant's server and
// WeChat Pay say to each other in Native, JSAPI, App and H5 payments, domestic refunds, bills and platform certificates.
//
// Sources, by the marks used below:
//
//	[go]    github.com/wechatpay-apiv3/wechatpay-go v0.2.21
//	[node]  npm wechatpay-axios-plugin 0.9.6
//	[doc N] pay.weixin.qq.com/doc/v3/merchant/N
//	[bill]  pay.weixin.qq.com/docs/merchant/products/bill-download/format-trade.html and structure/fund-bill.html
//	[yaml]  TheNorthMemory/wechatpay-openapi, webhooks.yaml
//	[mock]  this mock's own decision, where no source says
//
// # Signatures
//
// A merchant signs every request by SHA256 with RSA (PKCS #1 v1.5), in base64 [go core/consts, core/auth/credentials]:
//
//	Authorization: WECHATPAY2-SHA256-RSA2048 mchid="…",nonce_str="…",timestamp="…",serial_no="…",signature="…"
//	over METHOD \n path?query \n timestamp \n nonce_str \n body \n     (the bytes as they are sent)
//
// The members come in any order. 401 SIGN_ERROR answers a header that is missing or malformed, a serial_no that is not the
// merchant certificate's, a timestamp more than 5 minutes away, a signature that does not match, and a nonce_str that was
// used before [mock: the documents ask for a random one and do not say what a replay gets].
//
// WeChat Pay signs every answer and every notification, also an answer without a body, in the headers
// Wechatpay-Timestamp, -Nonce, -Signature, -Serial and -Signature-Type, over timestamp \n nonce \n body \n [go
// core/auth/validators]. Only the file of a bill is not signed [doc 4013071254]. An answer is signed with the WeChat Pay
// public key if the request's header Wechatpay-Serial names it, and with the platform certificate otherwise [doc
// 4012154180]. The messages about a payment or a refund are signed as the answer was to the request that made it: a
// merchant who has finished the change-over gets them all with the public key, and one who has not begun it all with the
// certificate [doc 4012154180; that they change over in shares, day by day, is left out].
//
// A signature probe is a signature that begins with WECHATPAY/SIGNTEST/ and is wrong [doc 4016241880]; a
// merchant must refuse it, and gets the right one afterwards.
//
// There are two platform certificates, and GET /v3/certificates lists both. The first one signs; the fault rotate-keys lets
// the second one sign, as when the older is about to expire.
//
// # What the merchant is given
//
// mchid, appid, serial_no (of its certificate), merchant_private_key (PEM, PKCS #8), api_v3_key (32 bytes), public_key_id
// (PUB_KEY_ID_…) and public_key (PEM), platform_cert (PEM). All may be given; of the provider's public_key and
// platform_cert it is the private key that is given, and the shop is told the public half. RSA keys have 2048 bits.
//
// # Merchant API
//
// Bodies are JSON in UTF-8, at most 64 KiB, with Content-Type application/json; each key at most once, unknown keys are
// ignored. Amounts are whole fen, the currency is CNY. Dates are RFC 3339 in +08:00.
//
//	POST /v3/pay/transactions/native|jsapi|app|h5                           [doc 4012525171 and its neighbours]
//	    appid, mchid, description, out_trade_no (6 to 32 of 0-9A-Za-z_-|*), notify_url (no query), amount {total, currency?};
//	    time_expire?, attach?, goods_tag?, detail?, settle_info?; jsapi: payer.openid; h5: scene_info.payer_client_ip and
//	    scene_info.h5_info.type
//	    → 200 {"code_url"} | {"prepay_id"} | {"h5_url"}
//	    The same out_trade_no again with the same parameters gets the same order (a new prepay_id); with others 400
//	    INVALID_REQUEST; by another way of paying or appid 403 OUT_TRADE_NO_USED; once it is paid 400 ORDERPAID, once it is
//	    closed 400 ORDER_CLOSED. time_expire below a minute is moved to a minute, in business time; when it has passed the
//	    order is CLOSED [mock: the documents say only that it cannot be paid any more]. Orders without it do not expire
//	    [mock: after 7 days].
//	GET  /v3/pay/transactions/out-trade-no/{out_trade_no}?mchid=            → 200 transaction | 404 ORDER_NOT_EXIST
//	GET  /v3/pay/transactions/id/{transaction_id}?mchid=                    → the same, of an order that was paid
//	POST /v3/pay/transactions/out-trade-no/{out_trade_no}/close {mchid}     → 204, also again | 400 ORDERPAID
//	POST /v3/refund/domestic/refunds                                        [doc 4012556457]
//	    transaction_id or out_trade_no (the first counts if there are both), out_refund_no (1 to 64 of 0-9A-Za-z_-|*@),
//	    amount {refund, total, currency}; reason?, notify_url?
//	    → 200 refund, status PROCESSING: it was accepted, no more. The same out_refund_no again gets the refund as it is
//	    then; with another amount 400 INVALID_REQUEST. Beyond what is left, or for the 51st time, 400 INVALID_REQUEST.
//	GET  /v3/refund/domestic/refunds/{out_refund_no}                        → 200 refund | 404 RESOURCE_NOT_EXISTS
//	GET  /v3/bill/tradebill?bill_date=&bill_type=&tar_type=                 [doc 4013071254]
//	GET  /v3/bill/fundflowbill?bill_date=&account_type=&tar_type=
//	    → 200 {"hash_type": "SHA1", "hash_value", "download_url"}, valid 5 minutes; the hash is of the text, also under GZIP.
//	    400 NO_STATEMENT_EXIST on a day without lines. Today's bill is to be had [mock: tomorrow from 9:00].
//	GET  /v3/billdownload/file?token=                                       → 200, not signed
//	GET  /v3/certificates                                                   → 200 the platform certificates, sealed
//
//	transaction: {"appid", "mchid", "out_trade_no", "transaction_id"?, "trade_type"?, "trade_state", "trade_state_desc",
//	    "bank_type"?, "attach"?, "success_time"?, "payer": {"openid"?}, "amount": {"total", "payer_total"?, "currency",
//	    "payer_currency"}, "promotion_detail": []}; trade_state: NOTPAY, SUCCESS, REFUND (any refund was begun), CLOSED.
//	    USERPAYING and PAYERROR are of payments by code only: a payer who is about to pay leaves it at NOTPAY.
//	refund: {"refund_id", "out_refund_no", "transaction_id", "out_trade_no", "channel", "user_received_account",
//	    "success_time"?, "create_time", "status", "funds_account", "amount": {…}, "promotion_detail": []}; status:
//	    PROCESSING, SUCCESS, ABNORMAL (it failed), CLOSED (it failed with the reason "closed").
//
// An error is {"code", "message", "detail"?: {"field", "issue", "location"}}: 400 PARAM_ERROR (field is a JSON pointer),
// INVALID_REQUEST, APPID_MCHID_NOT_MATCH, MCH_NOT_EXISTS, ORDERPAID, ORDER_CLOSED, NO_STATEMENT_EXIST; 401 SIGN_ERROR; 403
// OUT_TRADE_NO_USED; 404 ORDER_NOT_EXIST, RESOURCE_NOT_EXISTS; 429 FREQUENCY_LIMITED; 500 and 503 SYSTEM_ERROR [the error
// tables of doc 4012556398 and its neighbours]. The published limits of frequency are not enforced.
//
// # Payer
//
// As in mockchannel: /pay/{what the shop hands its buyer}, which is a code_url, an h5_url, a prepay_id, an out_trade_no or a
// transaction_id. The signature with which a page or an app calls WeChat is the shop's own and is not looked at.
//
// # Notifications
//
// POST, JSON [go core/notify]: {"id", "create_time", "resource_type": "encrypt-resource", "event_type", "summary",
// "resource": {"original_type", "algorithm": "AEAD_AES_256_GCM", "ciphertext", "associated_data", "nonce"}}, sealed with
// the API v3 key. event_type is TRANSACTION.SUCCESS (it holds a transaction), REFUND.SUCCESS, REFUND.ABNORMAL or
// REFUND.CLOSED (a refund: {"mchid", "transaction_id", "out_trade_no", "refund_id", "out_refund_no", "refund_status",
// "success_time"?, "user_received_account", "amount"}). There is none of a payment that failed or was closed. A refund's
// goes to the notify_url of its request, or else to the address that the merchant has set in its console, which is the
// merchant's endpoint here; without one nothing is sent [doc 4012556457]. id and body are constant over re-deliveries;
// timestamp, nonce and signature are not. 200 and 204 acknowledge, whatever the body says; 15 more attempts within 24 hours
// and 4 minutes [yaml].
//
// # Bills
//
// CSV in UTF-8 with a byte order mark; amounts in yuan although the API has fen; every field begins with a back-tick
// [bill; node lib/formatter.js]. A refund's row is written when the refund begins and is not brought up to date:
// SUCCESS if the refund was done when the bill was written, PROCESSING otherwise, also if it has failed.
package wechatpay

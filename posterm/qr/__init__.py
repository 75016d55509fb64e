"""Payment codes: EMVCo merchant-presented and consumer-presented QR codes, and Chinese payment codes.

    merchant_presented   what a merchant shows: objects, templates, CRC-16
    consumer_presented   what a customer shows: base64 TLV with a cryptogram
    payment_code         the digits of UnionPay, WeChat Pay and Alipay: one use, one minute
    scanned              which of them a scanner has read, or a face payment token
    errors               what is refused, and why

The codecs give and take text; drawing it is left to whoever has a screen or paper.
"""

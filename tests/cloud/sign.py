#!/usr/bin/env python3
"""Signs requests to object storage, written from the providers' own descriptions: a second opinion beside the emulator's.

usage: sign.py v4|v1|v4-link|v1-link|aws-link METHOD URL [options]

A link is printed as a URL; a signed request as the URL and then -H and NAME:VALUE lines for curl.
"""

import argparse
import base64
import datetime
import email.utils
import hashlib
import hmac
import time
import urllib.parse

parser = argparse.ArgumentParser()
parser.add_argument("version", choices=["v4", "v1", "v4-link", "v1-link", "aws-link"])
parser.add_argument("method")
parser.add_argument("url")
parser.add_argument("--id", default="LTAItest")
parser.add_argument("--secret", default="oss-test-secret")
parser.add_argument("--token")
parser.add_argument("--region", default="cn-beijing")
parser.add_argument("--type")
parser.add_argument("--header", action="append", default=[])
parser.add_argument("--ago", type=int, default=0)
parser.add_argument("--expires", type=int, default=3600)
o = parser.parse_args()

parts = urllib.parse.urlsplit(o.url)
bucket = parts.hostname.split(".")[0]
key = parts.path[1:]
query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
now = time.time() - o.ago
stamp = datetime.datetime.fromtimestamp(now, datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-_.~")


def chain(prefix, region, service, request):
    key = (prefix + o.secret).encode()
    for step in (stamp[:8], region, service, request):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return key


def sign4(headers, query):
    fields = "&".join(f"{k}={v}" if v else k for k, v in sorted((quote(k), quote(v)) for k, v in query.items()))
    lines = "".join(f"{k}:{v}\n" for k, v in sorted(headers.items()) if k.startswith("x-oss-") or k in ("content-type", "content-md5"))
    canonical = "\n".join([o.method, quote(f"/{bucket}/{key}", "/"), fields, lines, "", "UNSIGNED-PAYLOAD"])
    scope = f"{stamp[:8]}/{o.region}/oss/aliyun_v4_request"
    text = "\n".join(["OSS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    return scope, hmac.new(chain("aliyun_v4", o.region, "oss", "aliyun_v4_request"), text.encode(), hashlib.sha256).hexdigest()


SUBRESOURCES = {"uploads", "uploadId", "partNumber", "acl", "security-token", "delete"}


def sign1(headers, date):
    lines = "".join(f"{k}:{v}\n" for k, v in sorted(headers.items()) if k.startswith("x-oss-"))
    chosen = "&".join(f"{k}={v}" if v else k for k, v in sorted(query.items()) if k in SUBRESOURCES)
    resource = f"/{bucket}/{key}" + (f"?{chosen}" if chosen else "")
    text = f"{o.method}\n{headers.get('content-md5', '')}\n{headers.get('content-type', '')}\n{date}\n{lines}{resource}"
    return base64.b64encode(hmac.new(o.secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


def url(query):
    fields = "&".join(f"{quote(k)}={quote(v)}" if v else quote(k) for k, v in query.items())
    return f"{parts.scheme}://{parts.netloc}/{quote(key, '/')}" + (f"?{fields}" if fields else "")


headers = {k.lower(): v for k, v in (h.split(":", 1) for h in o.header)}
if o.type:
    headers["content-type"] = o.type

if o.version == "v4-link":
    query |= {"x-oss-signature-version": "OSS4-HMAC-SHA256", "x-oss-date": stamp, "x-oss-expires": str(o.expires)}
    query["x-oss-credential"] = f"{o.id}/{stamp[:8]}/{o.region}/oss/aliyun_v4_request"
    if o.token:
        query["x-oss-security-token"] = o.token
    query["x-oss-signature"] = sign4(headers, query)[1]
    print(url(query))
elif o.version == "v1-link":
    expires = str(int(now) + o.expires)
    if o.token:
        query["security-token"] = o.token
    query |= {"OSSAccessKeyId": o.id, "Expires": expires, "Signature": sign1(headers, expires)}
    print(url(query))
elif o.version == "aws-link":
    query |= {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{o.id}/{stamp[:8]}/{o.region}/s3/aws4_request"}
    query |= {"X-Amz-Date": stamp, "X-Amz-Expires": str(o.expires), "X-Amz-SignedHeaders": "host"}
    fields = "&".join(f"{k}={v}" for k, v in sorted((quote(k), quote(v)) for k, v in query.items()))
    canonical = "\n".join([o.method, quote("/" + key, "/"), fields, f"host:{parts.netloc}\n", "host", "UNSIGNED-PAYLOAD"])
    scope = f"{stamp[:8]}/{o.region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    query["X-Amz-Signature"] = hmac.new(chain("AWS4", o.region, "s3", "aws4_request"), text.encode(), hashlib.sha256).hexdigest()
    print(url(query))
else:
    if o.version == "v4":
        headers |= {"x-oss-date": stamp, "x-oss-content-sha256": "UNSIGNED-PAYLOAD"}
        scope, signature = sign4(headers, query)
        headers["authorization"] = f"OSS4-HMAC-SHA256 Credential={o.id}/{scope},Signature={signature}"
    else:
        headers["date"] = email.utils.formatdate(now, usegmt=True)
        headers["authorization"] = f"OSS {o.id}:{sign1(headers, headers['date'])}"
    # curl would add a type of its own, which would be part of the signature.
    headers.setdefault("content-type", "")
    print(url(query))
    for name, value in headers.items():
        print(f"-H\n{name}: {value}" if value else f"-H\n{name}:")

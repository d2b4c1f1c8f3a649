"""AWS Signature Version 4 in its query form, written from Amazon's description: a second opinion on the server's."""

import datetime
import hashlib
import hmac
from urllib.parse import parse_qsl, quote, urlsplit


def sign(secret, *parts):
    key = ("AWS4" + secret).encode()
    for part in parts:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def resign(url, method, secret, headers, when=None, **changes):
    """The URL signed anew: with other parameters, another moment, or just to see that it comes out the same."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query.pop("X-Amz-Signature")
    query.update(changes)
    if when is not None:
        query["X-Amz-Date"] = datetime.datetime.utcfromtimestamp(when).strftime("%Y%m%dT%H%M%SZ")
        key_id, _, rest = query["X-Amz-Credential"].split("/", 2)
        query["X-Amz-Credential"] = f"{key_id}/{query['X-Amz-Date'][:8]}/{rest}"
    key_id, day, region, service, terminator = query["X-Amz-Credential"].split("/")
    canonical_query = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(query.items()))
    names = query["X-Amz-SignedHeaders"].split(";")
    lower = {"host": parts.netloc, **{k.lower(): v for k, v in headers.items()}}
    canonical = "\n".join([method, parts.path, canonical_query, *(f"{n}:{lower[n]}" for n in names), "",
                           ";".join(names), "UNSIGNED-PAYLOAD"])
    scope = f"{day}/{region}/{service}/{terminator}"
    text = "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = hmac.new(sign(secret, day, region, service, terminator), text.encode(), hashlib.sha256).hexdigest()
    return f"{parts.scheme}://{parts.netloc}{parts.path}?{canonical_query}&X-Amz-Signature={signature}"

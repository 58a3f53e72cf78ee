"""Reads one message with Python's own parser and prints what a mail program would show."""

import email
import email.policy
from email.header import decode_header, make_header
import hashlib
import json
import sys

message = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
# The modern policy of some Python versions keeps the space between two encoded words of a name
# (RFC 2047 section 6.2 says to drop it), so names are decoded the older way.
plain = email.message_from_binary_file(open(sys.argv[1], "rb"))
body = message.get_body(preferencelist=("plain",))
files = [
    {
        "name": part.get_filename(),
        "type": part.get_content_type(),
        "sha256": hashlib.sha256(part.get_content()).hexdigest(),
    }
    for part in message.iter_attachments()
]
print(
    json.dumps(
        {
            "subject": message["subject"],
            "from": str(make_header(decode_header(plain["from"]))),
            "to": str(make_header(decode_header(plain["to"]))),
            "date": message["date"],
            "id": message["message-id"],
            "headers": [name.lower() for name in message.keys()],
            "body": body.get_content(),
            "files": files,
            "defects": [str(defect) for defect in message.defects],
        }
    )
)

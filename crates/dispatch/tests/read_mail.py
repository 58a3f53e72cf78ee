"""Reads one message with Python's own parser and prints what a mail program would show."""

import email
import email.policy
import hashlib
import json
import sys

message = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
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
            "from": message["from"],
            "to": message["to"],
            "date": message["date"],
            "id": message["message-id"],
            "headers": [name.lower() for name in message.keys()],
            "body": body.get_content(),
            "files": files,
            "defects": [str(defect) for defect in message.defects],
        }
    )
)

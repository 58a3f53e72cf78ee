#!/bin/sh
# The forced command of the account that Saqshy signs in with on a firewall: lets the sets of the
# table `inet saqshy` be changed, and nothing else. In authorized_keys of that account:
#   restrict,command="/usr/local/sbin/only-nft.sh" ssh-ed25519 AAAA…
# The account needs the right to change nftables: root, or `exec sudo "$@"` below.
case $SSH_ORIGINAL_COMMAND in
  *[!a-z0-9.:/{}\'\ -]*) ;;
  'nft add element inet saqshy blocked'[46]' '* | \
  'nft --check add element inet saqshy blocked'[46]' '* | \
  'nft delete element inet saqshy blocked'[46]' '*)
    eval "set -- $SSH_ORIGINAL_COMMAND"
    exec "$@"
    ;;
esac
echo "only-nft: refused" >&2
exit 126

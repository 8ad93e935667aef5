"""One libtorrent node that is asked to get mutable items: python3 lt_asker.py LISTEN BOOTSTRAP.

Lines in: a public key in hexadecimal. Lines out: {"ms": ..., "queries": ..., "found": ...}. The time ends with the answer that
libtorrent calls authoritative, its last one.
"""
import json, sys, time

import libtorrent as lt

kinds = lt.alert.category_t
session = lt.session({
    'listen_interfaces': sys.argv[1], 'enable_dht': True, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'dht_bootstrap_nodes': sys.argv[2], 'alert_mask': kinds.dht_notification | kinds.dht_operation_notification | kinds.stats_notification,
    'dht_block_ratelimit': 1000, 'dht_upload_rate_limit': 1000000})


def gets_sent():
    session.post_session_stats()
    end = time.time() + 5
    while time.time() < end:
        session.wait_for_alert(100)
        for alert in session.pop_alerts():
            if isinstance(alert, lt.session_stats_alert):
                return alert.values['dht.dht_get_out']


def get(key, seconds=40):
    session.pop_alerts()
    session.dht_get_mutable_item(key, b'')
    end = time.time() + seconds
    while time.time() < end:
        session.wait_for_alert(100)
        for alert in session.pop_alerts():
            if not isinstance(alert, lt.dht_mutable_item_alert):
                continue
            try:
                item = alert.item
            except RuntimeError:
                # The binding has no word for an empty item, and only the last answer can be empty.
                return False
            if item.get('authoritative'):
                return bool(item.get('value'))
    return False


print('{}', flush=True)
for line in sys.stdin:
    before = gets_sent()
    began = time.perf_counter()
    found = get(bytes.fromhex(line.strip()))
    ms = (time.perf_counter() - began) * 1000
    print(json.dumps({'ms': ms, 'queries': gets_sent() - before, 'found': found}), flush=True)
